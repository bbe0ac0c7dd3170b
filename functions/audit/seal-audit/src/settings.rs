//! The settings of the sealer, as the deployment's environment gives them.

use std::path::Path;
use std::sync::Arc;

use api::lambda::Failure;
use aws::{LogGroup, Service};
use chrono::TimeDelta;
use settings::{Misconfigured, optional, required, whole_number};
use transparency_log::log::Log;
use transparency_log::signer::{FileSigner, KmsSigner, Signer};
use transparency_log::store::ObjectStore;

use crate::daily::Topic;
use crate::event_functions::EventFunctions;
use crate::public_routes::PublicRoutes;
use crate::witness::Witness;

/// What a sealer works with.
pub struct Settings {
    pub log: Log,
    pub store: Arc<dyn ObjectStore>,
    /// The log of the functions.
    pub functions: LogGroup,
    /// The access log of the gateway.
    pub gateway: LogGroup,
    pub public_routes: PublicRoutes,
    pub event_functions: EventFunctions,
    pub witness: Option<Witness>,
    /// The topic of the daily checkpoints.
    pub topic: Option<Topic>,
    /// The keys of operators, who may state that a database was restored.
    pub operators: Vec<[u8; 32]>,
    /// The most rows of a batch.
    pub rows: u64,
    /// How long a row waits for its open line.
    pub open_line_wait: TimeDelta,
    /// How long after its end a minute is reconciled.
    pub reconcile_after: TimeDelta,
    /// How old the newest batch is at most, if there is nothing to seal.
    pub seal_at_least: TimeDelta,
}

impl Settings {
    /// Reads the settings, and asks AWS KMS for the log's public key. Errors: a setting is missing or invalid, or KMS
    /// fails.
    pub async fn read() -> Result<Self, Failure> {
        let store: Arc<dyn ObjectStore> = Arc::new(sealed_log::store()?);
        let retention = sealed_log::retention()?;
        let origin = required("AUDIT_LOG_ORIGIN")?;
        let seconds = |name| whole_number(name).map(|seconds| TimeDelta::seconds(seconds as i64));
        Ok(Self {
            log: Log::new(store.clone(), signer().await?, &origin, retention)?,
            store,
            functions: LogGroup::from_env("FUNCTION_LOG_GROUP")?,
            gateway: LogGroup::from_env("ACCESS_LOG_GROUP")?,
            public_routes: PublicRoutes::parse(&required("PUBLIC_ROUTES")?),
            event_functions: EventFunctions::parse(&required("EVENT_FUNCTIONS")?),
            witness: Witness::from_env()?,
            topic: Topic::from_env()?,
            operators: keys("AUDIT_OPERATOR_KEYS")?,
            rows: whole_number("AUDIT_ROWS_PER_BATCH")?.clamp(1, 200_000),
            open_line_wait: seconds("AUDIT_OPEN_LINE_WAIT")?,
            reconcile_after: seconds("AUDIT_RECONCILE_AFTER")?,
            seal_at_least: seconds("AUDIT_SEAL_AT_LEAST_EVERY")?,
        })
    }
}

/// The log's key: in AWS KMS, or in a file on a developer's machine.
async fn signer() -> Result<Arc<dyn Signer>, Failure> {
    if let Some(file) = optional("AUDIT_SIGNING_KEY_FILE") {
        return Ok(Arc::new(FileSigner::open_or_generate(Path::new(&file))?));
    }
    let kms = Service::from_env("kms", "AWS_ENDPOINT_URL_KMS")?;
    Ok(Arc::new(
        KmsSigner::new(kms, required("KMS_KEY_ID")?).await?,
    ))
}

/// Ed25519 public keys in hexadecimal, separated by commas.
fn keys(name: &'static str) -> Result<Vec<[u8; 32]>, Misconfigured> {
    let text = optional(name).unwrap_or_default();
    let keys = text.split(',').filter(|key| !key.is_empty());
    let keys = keys.map(|key| hex::decode(key).ok()?.try_into().ok());
    let keys: Option<_> = keys.collect();
    keys.ok_or(Misconfigured(
        name,
        "expected Ed25519 public keys in hexadecimal",
    ))
}
