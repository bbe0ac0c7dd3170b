//! `cargo dev import`
#![expect(clippy::print_stdout, reason = "the command prints a summary")]

use std::path::PathBuf;

use crate::demo_users::{ADMIN, SECOND_ADMIN};
use ::import::Administrators;
use anyhow::{Result, bail};
use clap::Args;
use client::Api;
use local_cloud::issuer::{Issuer, TokenRequest};

use super::Place;

/// What to import.
#[derive(Debug, Args)]
pub struct Import {
    /// FHIR R4 bundles as JSON, gzip or not.
    #[arg(required = true, value_name = "FILE.json.gz")]
    files: Vec<PathBuf>,
}

/// The demo administrators.
pub fn admins() -> Administrators {
    Administrators {
        first: ADMIN.into(),
        second: SECOND_ADMIN.into(),
    }
}

/// Imports the files. Fails if anything in them could not be imported.
pub async fn run(place: &Place, import: &Import) -> Result<()> {
    let api = api(place)?;
    let (summary, _) = import::import(&import.files, &api, &admins()).await;
    println!("{summary}");
    match summary.complaints.len() {
        0 => Ok(()),
        1 => bail!("1 complaint, see above"),
        count => bail!("{count} complaints, see above"),
    }
}

/// A client of the running cloud, with tokens of the local issuer.
pub fn api(place: &Place) -> Result<Api> {
    let running = place.running()?;
    if running.supabase_url != running.url {
        bail!(
            "the cloud takes tokens of {}, so the local issuer can't make one",
            running.supabase_url
        );
    }
    let issuer = Issuer::open(running.url.clone(), &place.data().join("issuer.pem"))?;
    Ok(Api::new(running.url, move |person| {
        issuer.mint(&TokenRequest::new(person.id, person.email.clone()))
    }))
}
