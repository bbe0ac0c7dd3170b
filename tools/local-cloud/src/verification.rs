//! What `caretrail-verify` is given to verify the audit log of a local cloud.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use aws_credential_types::Credentials;
use domain::time::Timestamp;
use transparency_log::note::{Algorithm, VerifierKey};
use transparency_log::signer::{FileSigner, Signer as _};
use transparency_log::store::S3;
use verify::Inputs;

use crate::cloud::LOG_KEY;
use crate::lambda::REGION;

/// Everything that a cloud has: its database, its sealed log, the log's key, and the logs of functions and gateway.
/// `data` is the cloud's folder, and `environment` the variables of its functions.
///
/// # Errors
/// Nothing was sealed yet, or a variable is missing.
pub fn inputs(
    data: &Path,
    environment: &BTreeMap<String, String>,
    s3_url: &str,
    database_url: &str,
) -> Result<Inputs> {
    let variable = |name: &str| {
        let value = environment.get(name).cloned();
        value.with_context(|| format!("the functions have no {name}"))
    };
    let key = FileSigner::open(&data.join(LOG_KEY))
        .map_err(|failure| anyhow!(failure))
        .context("the audit log has no key yet: it is sealed every minute")?;
    let credentials = Credentials::from_keys(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        None,
    );
    let archive = S3::new(
        variable("AUDIT_BUCKET")?,
        String::new(),
        REGION.to_owned(),
        Some(s3_url.to_owned()),
        credentials,
        false,
    );
    let origin = variable("AUDIT_LOG_ORIGIN")?;
    let routes = variable("PUBLIC_ROUTES")?;
    Ok(Inputs {
        database: Some(database_url.to_owned()),
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
    })
}
