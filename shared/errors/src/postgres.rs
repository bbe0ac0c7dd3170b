//! What an error of the PostgreSQL driver says.

use std::error::Error as _;
use std::fmt;

use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

/// The SQLSTATEs after which the same transaction may succeed if it runs again on another connection.
///
/// 25006: the server became a standby, and another one takes the writes. 25P03 and 57P05: the server ended
/// a session that waited too long.
const TRANSIENT: [&str; 8] = [
    "40001", "40P01", "57P01", "57P02", "57P03", "57P05", "25006", "25P03",
];

/// The SQLSTATEs, and the classes of two characters, with which PostgreSQL or a pooler says that it can't
/// serve anybody at the moment: resources are used up (53), an operator or a time limit intervened (57,
/// 25P04), the machine failed (58).
const OUTAGES: [&str; 4] = ["53", "57", "58", "25P04"];

/// The class of errors of the connection itself. Poolers report most of their own errors with it.
const CONNECTION: &str = "08";

/// Whether the same transaction may succeed if it runs again from its start.
pub(crate) fn is_transient(error: &Error) -> bool {
    match error.code() {
        Some(code) => TRANSIENT.contains(&code.code()) || code.code().starts_with(CONNECTION),
        None => is_link_failure(error),
    }
}

/// Whether the database can't serve the request at the moment, and the request isn't at fault.
pub(crate) fn is_outage(error: &Error) -> bool {
    is_transient(error)
        || error
            .code()
            .is_some_and(|code| OUTAGES.iter().any(|outage| code.code().starts_with(outage)))
}

/// Whether PostgreSQL refused a statement and kept the connection. Its transaction is then rolled back. A
/// FATAL error doesn't count, and neither does an error of the connection: a pooler may have reported it
/// after the server committed.
pub fn is_refusal(error: &Error) -> bool {
    error.as_db_error().is_some_and(|refusal| {
        refusal.parsed_severity() == Some(Severity::Error)
            && !refusal.code().code().starts_with(CONNECTION)
    })
}

/// Whether another connection must be used from now on: this one broke, or it leads to a server that can't
/// write.
pub(crate) fn spoils_connection(error: &Error) -> bool {
    !is_refusal(error) || error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
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
