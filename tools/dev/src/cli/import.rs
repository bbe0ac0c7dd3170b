//! `cargo dev import`
#![expect(clippy::print_stdout, reason = "the command prints a summary")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::demo_users::IMPORTER;
use anyhow::{Context, Result, bail};
use clap::Args;
use client::Api;
use http::Uri;
use local_cloud::issuer::{Issuer, TokenRequest};

use super::Place;

/// The environment variable with the importer's access token.
const TOKEN: &str = "CARETRAIL_TOKEN";

/// What to import, and where.
#[derive(Debug, Args)]
pub struct Import {
    /// Files or folders of FHIR R4 resources: Bundles, single resources or NDJSON, compressed with gzip or not.
    #[arg(required = true, value_name = "PATH")]
    files: Vec<PathBuf>,
    /// The base URL of the deployment [default: the running local cloud, as its demo importer].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The file with an importer's access token. It is read again every few minutes, so a new token can replace one
    /// that expires. Without it, the environment variable CARETRAIL_TOKEN has the token.
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
}

/// Imports the files. Fails if anything in them could not be imported.
pub async fn run(place: &Place, import: &Import) -> Result<()> {
    let api = match &import.url {
        Some(url) => deployed(url, import.token_file.as_deref())?,
        None => api(place)?,
    };
    let (summary, _) = ::import::import(&import.files, &api, &IMPORTER.into()).await;
    println!("{summary}");
    match summary.complaints.len() {
        0 => Ok(()),
        1 => bail!("1 complaint, see above"),
        count => bail!("{count} complaints, see above"),
    }
}

/// A client of any deployment, with the token of an importer.
fn deployed(url: &str, token_file: Option<&Path>) -> Result<Api> {
    let url = url.trim_end_matches('/');
    let uri: Uri = url.parse().context("--url is no URL")?;
    let is_local = ["127.0.0.1", "localhost"].contains(&uri.host().unwrap_or_default());
    if uri.scheme_str() != Some("https") && !is_local {
        bail!("--url must begin with https://, because the requests contain patient data");
    }
    let file = token_file.map(Path::to_owned);
    let token = move || {
        let token = match &file {
            Some(file) => fs::read_to_string(file)
                .with_context(|| format!("{} can't be read", file.display()))?,
            None => env::var(TOKEN)
                .with_context(|| format!("set {TOKEN} to an access token, or name --token-file"))?,
        };
        let token = token.trim();
        if token.is_empty() || token.contains(|c: char| c.is_whitespace() || c.is_control()) {
            bail!("the access token must be one word");
        }
        Ok(token.to_owned())
    };
    token()?;
    Ok(Api::new(url, move |_| token()))
}

/// A client of the running cloud, with tokens of the local issuer.
pub fn api(place: &Place) -> Result<Api> {
    let running = place.running()?;
    if running.supabase_url != running.url {
        bail!(
            "the cloud takes tokens of {}, so the local issuer can't make one: name the cloud with --url {} and an \
             importer's token with --token-file",
            running.supabase_url,
            running.url
        );
    }
    let issuer = Issuer::open(running.url.clone(), &place.data().join("issuer.pem"))?;
    Ok(Api::new(running.url, move |person| {
        issuer.mint(&TokenRequest::new(person.id, person.email.clone()))
    }))
}
