//! `cargo dev demo`
#![expect(clippy::print_stdout, reason = "the command prints a story")]

use std::path::PathBuf;
use std::time::Duration;

use crate::demo_users::{ADMIN, COMPLIANCE_OFFICER, IMPORTER, SECOND_ADMIN};
use ::verify::report::{Aspect, Finding, Subject};
use anyhow::{Context, Result, bail, ensure};
use client::{Client, Person};
use demo::{Administrators, Story, tell};
use http::Method;
use local_cloud::workspace;
use serde_json::json;
use tokio::signal;
use uuid::Uuid;

use super::{Place, import, up, verify};

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
    tamper(place).await
}

/// Seals and verifies the audit log, changes a row as a superuser, verifies again, and restores the row.
async fn tamper(place: &Place) -> Result<()> {
    let running = place.running()?;
    println!();
    println!("The audit log is sealed and verified:");
    // The schedule seals every minute. The story doesn't wait for it.
    let path = "/2015-03-31/functions/seal-audit/invocations";
    let lambda = Client::new(running.lambda_url.clone());
    let sealed = lambda.send(Method::POST, path, Some(&json!({}))).await?;
    ensure!(
        sealed.status().is_success() && !sealed.headers().contains_key("x-amz-function-error"),
        "the audit log could not be sealed: {}",
        String::from_utf8_lossy(sealed.body())
    );
    verify::run(place).await?;

    let database = ::database::connect(&running.direct_database_url, None).await?;
    // A superuser can switch off the triggers that refuse each change.
    database
        .batch_execute("set session_replication_role = replica")
        .await?;
    let row = database
        .query_one(VICTIM, &[])
        .await
        .context("no refusal was sealed")?;
    let id: Uuid = row.try_get("id")?;
    println!();
    println!("A superuser lets the refusal {id} look like a success. Verified again:");
    let change =
        |outcome: &str| format!("update audit_logs set outcome = '{outcome}' where id = '{id}'");
    database.batch_execute(&change("SUCCESS")).await?;
    let tampered = verify::verify(place).await;
    database.batch_execute(&change("DENIED")).await?;
    let tampered = tampered?;
    print!("{tampered}");
    let names_row = |finding: &Finding| matches!(&finding.subject, Subject::Row { id: Some(named), .. } if *named == id);
    let findings = &tampered.judgement(Aspect::Integrity).findings;
    ensure!(
        tampered.exit_code(&Aspect::ALL) == 1 && findings.iter().any(names_row),
        "the verifier didn't find the row"
    );
    println!();
    println!("The row is restored. Verified again:");
    verify::run(place).await
}

/// The newest refusal that is in the sealed log.
const VICTIM: &str = "
    select a.id from audit_logs a join audit_sealed_runs r
      on r.chain_id = a.chain_id and a.seq between r.first_seq and r.last_seq
    where a.outcome = 'DENIED' order by a.id desc limit 1";

fn shipped(name: &str) -> PathBuf {
    workspace::root().join("data/synthea-r4").join(name)
}
