//! What lives as long as the execution environment: pool, key cache, chain head, configuration.

use std::time::Duration;

use aws_lc_rs::hmac;

use crate::audit::Chains;
use crate::config::{self, Misconfigured};
use crate::database::Database;
use crate::endpoint::Endpoint;

/// One per process, made at start-up; connects to nothing until a request needs it.
pub(crate) struct Environment {
    pub(crate) endpoint: Endpoint,
    pub(crate) database: Database,
    pub(crate) chains: Chains,
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
        let url = config::required("DATABASE_URL")?;
        let ca_file = config::optional("DATABASE_CA_FILE");
        let database = Database::new(&url, ca_file.as_deref(), endpoint.name)?;
        Ok(Self {
            endpoint,
            database,
            chains: Chains::default(),
        })
    }
}

impl Gate {
    pub(crate) fn from_env() -> Result<Self, Misconfigured> {
        let settings = identity::Settings {
            supabase_url: config::required("SUPABASE_URL")?,
            legacy_secret: config::optional("SUPABASE_JWT_SECRET"),
        };
        Ok(Self {
            verifier: identity::Verifier::new(settings)
                .map_err(|_| Misconfigured("SUPABASE_URL", "expected an https URL"))?,
            require_aal2: config::flag("REQUIRE_AAL2", true)?,
            cursor_key: config::cursor_key()?,
        })
    }
}
