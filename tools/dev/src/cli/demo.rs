//! `cargo dev demo`
#![expect(clippy::print_stdout, reason = "the command prints a story")]

use std::path::PathBuf;
use std::time::Duration;

use crate::demo_users::{ADMIN, COMPLIANCE_OFFICER, IMPORTER, SECOND_ADMIN};
use anyhow::{Context, Result, bail};
use client::Person;
use demo::{Administrators, Story, tell};
use local_cloud::workspace;
use tokio::signal;

use super::{Place, import, up};

/// The patient of the story. They have allergies, an imaging study and two practitioners.
const BUNDLE: &str = "Karena_Pfeffer_1f99a0cb-594b-476a-b9cb-502594c1ee6b.json.gz";
/// The patient who is refused.
const OTHER_BUNDLE: &str = "Tony_Beer_bb8cd3e5-8910-4eea-bbc6-3f64a4a655b8.json.gz";

/// Tells the story on the running cloud, or starts one for as long as the story takes.
pub async fn run(place: &Place) -> Result<()> {
    if place.running().is_ok() {
        return story(place).await;
    }
    tokio::select! {
        told = on_a_cloud_of_its_own(place) => told,
        _ = signal::ctrl_c() => bail!("interrupted"),
    }
}

async fn on_a_cloud_of_its_own(place: &Place) -> Result<()> {
    let served = up::start(place).await?;
    let told = story(place).await;
    served.stop().await;
    told
}

async fn story(place: &Place) -> Result<()> {
    let story = Story {
        api: import::api(place)?,
        importer: Person::from(IMPORTER),
        admins: Administrators {
            first: Person::from(ADMIN),
            second: Person::from(SECOND_ADMIN),
        },
        officer: Person::from(COMPLIANCE_OFFICER),
        bundle: shipped(BUNDLE),
        other_bundle: shipped(OTHER_BUNDLE),
        patience: Duration::from_secs(30),
    };
    let report = tell(&story, &mut |step| println!("{step}"))
        .await
        .context("a step of the story failed")?;
    println!(
        "The story is told: {} steps, each as it should be.",
        report.steps.len()
    );
    Ok(())
}

fn shipped(name: &str) -> PathBuf {
    workspace::root().join("data/synthea-r4").join(name)
}
