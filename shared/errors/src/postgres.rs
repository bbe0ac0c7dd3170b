//! What an error of the PostgreSQL driver says.

use std::error::Error as _;
use std::fmt;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// The SQLSTATEs after which the same transaction may succeed if it runs again.
const TRANSIENT: [&SqlState; 5] = [
    &SqlState::T_R_SERIALIZATION_FAILURE,
    &SqlState::T_R_DEADLOCK_DETECTED,
    &SqlState::ADMIN_SHUTDOWN,
    &SqlState::CRASH_SHUTDOWN,
    &SqlState::CANNOT_CONNECT_NOW,
];

/// Whether the same transaction may succeed if it runs again from its start.
pub(crate) fn is_transient(error: &Error) -> bool {
    match error.code() {
        Some(code) => TRANSIENT.contains(&code),
        None => is_link_failure(error),
    }
}

/// Whether the connection broke. Otherwise PostgreSQL refused a statement.
pub(crate) fn is_link_failure(error: &Error) -> bool {
    error.is_closed()
        || error
            .source()
            .is_some_and(|source| source.is::<std::io::Error>())
}

/// Writes the SQLSTATE and the constraint for the log. The message and the detail are left out, because
/// they quote stored values.
pub(crate) fn describe(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error.as_db_error() {
        Some(refusal) => write!(
            f,
            "SQLSTATE {}, constraint {}",
            refusal.code().code(),
            refusal.constraint().unwrap_or("none")
        ),
        None => fmt::Display::fmt(error, f),
    }
}
