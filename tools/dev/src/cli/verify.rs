//! `cargo dev verify`
#![expect(clippy::print_stdout, reason = "the command prints a report")]

use std::sync::Arc;

use ::verify::Inputs;
use ::verify::report::{Aspect, Report};
use anyhow::{Context as _, Result, anyhow, bail};
use aws_credential_types::Credentials;
use domain::time::Timestamp;
use transparency_log::note::{Algorithm, VerifierKey};
use transparency_log::signer::{FileSigner, Signer as _};
use transparency_log::store::S3;

use super::Place;

/// All verdicts, which the running cloud has everything for.
pub const ALL: [Aspect; 4] = [
    Aspect::Integrity,
    Aspect::Authenticity,
    Aspect::Completeness,
    Aspect::Freshness,
];

/// Verifies the audit log of the running cloud and prints the report.
///
/// # Errors
/// A verdict is violated or unknown.
pub async fn run(place: &Place) -> Result<()> {
    let report = verify(place).await?;
    print!("{report}");
    match report.exit_code(&ALL) {
        0 => Ok(()),
        1 => bail!("the audit log is violated"),
        _ => bail!("not all could be verified"),
    }
}

/// Verifies the audit log of the running cloud.
pub async fn verify(place: &Place) -> Result<Report> {
    let running = place.running()?;
    let data = std::path::absolute(place.data())?;
    let variable = |name: &str| {
        let value = running.environment.get(name).cloned();
        value.with_context(|| format!("the functions have no {name}"))
    };
    let key = FileSigner::open(&data.join("audit-log-key"))
        .map_err(|failure| anyhow!(failure))
        .context("the audit log has no key yet: it is sealed every minute")?;
    let origin = variable("AUDIT_LOG_ORIGIN")?;
    let credentials = Credentials::from_keys(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        None,
    );
    let archive = S3::new(
        variable("AUDIT_BUCKET")?,
        String::new(),
        "us-east-1".to_owned(),
        Some(running.s3_url.clone()),
        credentials,
        false,
    );
    let routes = variable("PUBLIC_ROUTES")?;
    let inputs = Inputs {
        database: Some(running.direct_database_url.clone()),
        archive: Some(Arc::new(archive)),
        key: Some(VerifierKey::new(
            &origin,
            Algorithm::Ed25519,
            key.public_key(),
        )?),
        function_log: vec![data.join("log-groups/functions")],
        gateway_log: vec![data.join("log-groups/access")],
        public_routes: routes
            .split(',')
            .map(|route| route.trim().to_owned())
            .collect(),
        logs_until: Some(Timestamp::now()),
        ..Inputs::default()
    };
    ::verify::verify(&inputs)
        .await
        .map_err(|failure| anyhow!(failure))
}
