//! The ticket: a function's proof to the database of whom it acts for. A password alone begins nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use domain::ids::SubjectId;

/// The key that signs tickets. The database has it too, in a table that only its owner reads.
pub(crate) struct TicketKey(hmac::Key);

/// What a function asks the database to begin, signed.
pub(crate) struct Ticket {
    pub(crate) subject: Option<SubjectId>,
    pub(crate) is_assured: bool,
    pub(crate) permission: &'static str,
    /// The function's clock, in seconds since 1970. The database refuses a ticket that differs from its own
    /// clock by more than a minute.
    pub(crate) clock: i64,
    pub(crate) signature: Vec<u8>,
}

impl TicketKey {
    /// A key of 32 bytes.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Signs a ticket for now. A job has no subject.
    pub(crate) fn sign(
        &self,
        subject: Option<SubjectId>,
        is_assured: bool,
        permission: &'static str,
    ) -> Ticket {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock = now.map_or(0, |now| now.as_secs().cast_signed());
        let (named, assured) = (
            subject.map(|subject| subject.to_string()),
            if is_assured { 't' } else { 'f' },
        );
        // As `check_ticket` in migrations/V0017__requests.sql builds it.
        let message = format!(
            "caretrail-ticket-v1|{}|{assured}|{permission}|{clock}",
            named.unwrap_or_default()
        );
        Ticket {
            subject,
            is_assured,
            permission,
            clock,
            signature: hmac::sign(&self.0, message.as_bytes()).as_ref().to_vec(),
        }
    }
}
