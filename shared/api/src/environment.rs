//! What lives as long as the execution environment: pool, key cache, chain head, configuration.

use std::time::Duration;

use audit::ChainHead;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use database::Database;
use settings::Misconfigured;

use crate::endpoint::Endpoint;

/// One per process, made at start-up; connects to nothing until a request needs it.
pub(crate) struct Environment {
    pub(crate) endpoint: Endpoint,
    pub(crate) database: Database,
    pub(crate) chain: ChainHead,
}

/// What functions with a caller need besides.
pub(crate) struct Gate {
    pub(crate) verifier: identity::Verifier,
    pub(crate) require_aal2: bool,
    pub(crate) cursor_key: hmac::Key,
}

/// Kept back from Lambda's own time limit, to record the failure and answer.
pub(crate) const RESERVE: Duration = Duration::from_millis(1500);

impl Environment {
    pub(crate) fn from_env(endpoint: Endpoint) -> Result<Self, Misconfigured> {
        let url = settings::required("DATABASE_URL")?;
        let ca_file = settings::optional("DATABASE_CA_FILE");
        let database = Database::new(&url, ca_file.as_deref(), endpoint.name)?;
        Ok(Self {
            endpoint,
            database,
            chain: ChainHead::default(),
        })
    }
}

impl Gate {
    pub(crate) fn from_env() -> Result<Self, Misconfigured> {
        let identity = identity::Settings {
            supabase_url: settings::required("SUPABASE_URL")?,
            legacy_secret: settings::optional("SUPABASE_JWT_SECRET"),
        };
        Ok(Self {
            verifier: identity::Verifier::new(identity)
                .map_err(|_| Misconfigured("SUPABASE_URL", "expected an https URL"))?,
            require_aal2: settings::flag("REQUIRE_AAL2", true)?,
            cursor_key: cursor_key()?,
        })
    }
}

/// `CURSOR_KEY`: 32 bytes in base64 that sign page cursors.
fn cursor_key() -> Result<hmac::Key, Misconfigured> {
    const NAME: &str = "CURSOR_KEY";
    let bytes = BASE64_STANDARD
        .decode(settings::required(NAME)?)
        .ok()
        .filter(|bytes| bytes.len() == 32)
        .ok_or(Misconfigured(NAME, "expected 32 bytes in base64"))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}
