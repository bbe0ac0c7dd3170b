//! The state of an execution environment: pool, key cache, chain head and settings.

use audit::ChainHead;
use aws_lc_rs::hmac;
use database::Database;
use secrets::Secrets;
use settings::Misconfigured;

use crate::endpoint::Endpoint;
use crate::known_callers::KnownCallers;
use crate::lambda::Failure;
use crate::sealed_size::SealedSize;
use crate::ticket::TicketKey;

/// The state that every function has. It is created once, when the function starts, and connects to
/// nothing until a request needs it.
pub(crate) struct Environment {
    pub(crate) endpoint: Endpoint,
    pub(crate) database: Database,
    pub(crate) chain: ChainHead,
    pub(crate) ticket_key: TicketKey,
    pub(crate) known_callers: KnownCallers,
    pub(crate) sealed_size: SealedSize,
}

/// The additional state of functions with callers.
pub(crate) struct Gate {
    pub(crate) verifier: identity::Verifier,
    pub(crate) require_aal2: bool,
    /// Seals page cursors.
    pub(crate) cursor_key: hmac::Key,
}

impl Environment {
    pub(crate) fn new(endpoint: Endpoint, secrets: &Secrets) -> Result<Self, Failure> {
        let are_named = settings::flag("NAMED_STATEMENTS", false)?;
        Ok(Self {
            endpoint,
            database: database(secrets, endpoint.name, are_named)?,
            chain: ChainHead::new(endpoint.name)?,
            ticket_key: TicketKey::new(&key(secrets, "TICKET_KEY")?),
            known_callers: KnownCallers::default(),
            sealed_size: SealedSize::default(),
        })
    }
}

impl Gate {
    pub(crate) fn new(secrets: &Secrets) -> Result<Self, Misconfigured> {
        let identity = identity::Settings {
            supabase_url: settings::required("SUPABASE_URL")?,
            legacy_secret: secrets.optional("SUPABASE_JWT_SECRET"),
        };
        Ok(Self {
            verifier: identity::Verifier::new(identity)
                .map_err(|_| Misconfigured("SUPABASE_URL", "expected an https URL"))?,
            require_aal2: settings::flag("REQUIRE_AAL2", true)?,
            cursor_key: hmac::Key::new(hmac::HMAC_SHA256, &key(secrets, "CURSOR_KEY")?),
        })
    }
}

/// The pool of the function with this name. Statements get names if `are_named`. Errors: a setting is missing or invalid.
pub(crate) fn database(
    secrets: &Secrets,
    function: &'static str,
    are_named: bool,
) -> Result<Database, Misconfigured> {
    let url = secrets.required("DATABASE_URL")?;
    let ca_file = settings::optional("DATABASE_CA_FILE");
    Database::new(&url, ca_file.as_deref(), function, are_named)
}

/// Reads a key: 32 bytes in base64 or base64url. Errors: it is missing or invalid.
pub fn key(secrets: &Secrets, name: &'static str) -> Result<[u8; 32], Misconfigured> {
    settings::key(&secrets.required(name)?)
        .ok_or(Misconfigured(name, "expected 32 bytes in base64"))
}
