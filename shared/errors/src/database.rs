//! What a database error means for the caller, by SQLSTATE and by constraint.

use std::error::Error as _;
use std::fmt;

use tokio_postgres::error::SqlState;

use crate::Error;

/// The SQLSTATEs that the schema's own functions raise (`migrations/`).
mod raised {
    pub(super) const UNKNOWN_CALLER: &str = "CT001";
    pub(super) const INACTIVE_CALLER: &str = "CT002";
    pub(super) const PERMISSION_MISSING: &str = "CT003";
    pub(super) const SECOND_FACTOR_MISSING: &str = "CT004";
    pub(super) const KEY_ANSWERED: &str = "CT005";
    pub(super) const KEY_REUSED: &str = "CT006";
}

/// The transaction may succeed if it runs again.
const TRANSIENT: [&SqlState; 5] = [
    &SqlState::T_R_SERIALIZATION_FAILURE,
    &SqlState::T_R_DEADLOCK_DETECTED,
    &SqlState::ADMIN_SHUTDOWN,
    &SqlState::CRASH_SHUTDOWN,
    &SqlState::CANNOT_CONNECT_NOW,
];

/// Whether the transaction may succeed if it runs again from its start.
pub fn is_transient(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => TRANSIENT.contains(&code),
        None => is_link_failure(error),
    }
}

/// Whether the connection broke, rather than a statement.
pub fn is_link_failure(error: &tokio_postgres::Error) -> bool {
    error.is_closed()
        || error
            .source()
            .is_some_and(|source| source.is::<std::io::Error>())
}

impl Error {
    /// Whether the request's `Idempotency-Key` has an answer already. That is no failure: the answer
    /// is given again.
    pub fn is_answered_before(&self) -> bool {
        matches!(self, Self::Database(error)
            if error.code().is_some_and(|code| code.code() == raised::KEY_ANSWERED))
    }
}

pub(crate) fn translate(error: tokio_postgres::Error) -> Error {
    let Some(code) = error.code() else {
        return match is_link_failure(&error) {
            true => Error::Unavailable("the database can't be reached"),
            false => Error::Database(error),
        };
    };
    if TRANSIENT.contains(&code) || *code == SqlState::TOO_MANY_CONNECTIONS {
        return Error::Unavailable("the database is busy");
    }
    match code.code() {
        raised::UNKNOWN_CALLER => return Error::Forbidden("the caller has no profile"),
        raised::INACTIVE_CALLER => return Error::Forbidden("the caller's account is not active"),
        raised::PERMISSION_MISSING => {
            return Error::Forbidden("the caller's role doesn't hold the permission");
        }
        raised::SECOND_FACTOR_MISSING => {
            return Error::Forbidden("this role needs a second factor (aal2)");
        }
        raised::KEY_REUSED => return Error::KeyReused,
        _ => {}
    }
    match *code {
        // A policy refused the row: to the caller it doesn't exist.
        SqlState::INSUFFICIENT_PRIVILEGE => Error::NotFound,
        SqlState::UNTRANSLATABLE_CHARACTER | SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            Error::invalid("", "expected text without NUL characters")
        }
        // A CHECK that no handler translates by its name is a bound of the schema.
        SqlState::CHECK_VIOLATION => {
            Error::invalid("", "expected values within the bounds of the schema")
        }
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
            Error::Unavailable("the database took too long")
        }
        _ => Error::Database(error),
    }
}

/// Writes the SQLSTATE and the constraint. The message and the detail quote stored values.
pub(crate) fn describe(error: &tokio_postgres::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Turns a named database constraint into what the caller learns.
pub trait OnConstraint: Sized {
    /// Replaces the error by what `rule` makes of the constraint's name. It stays if `rule` doesn't
    /// know the constraint.
    #[must_use]
    fn on_constraints(self, rule: impl FnOnce(&str) -> Option<Error>) -> Self;

    /// Replaces the error by `error` if the constraint `name` refused the row.
    #[must_use]
    fn on_constraint(self, name: &str, error: Error) -> Self {
        self.on_constraints(|refused| (refused == name).then_some(error))
    }
}

impl<T> OnConstraint for Result<T, Error> {
    fn on_constraints(self, rule: impl FnOnce(&str) -> Option<Error>) -> Self {
        self.map_err(|error| {
            let Error::Database(cause) = &error else {
                return error;
            };
            let refusal = cause.as_db_error();
            let constraint = refusal.and_then(|refusal| refusal.constraint());
            constraint.and_then(rule).unwrap_or(error)
        })
    }
}
