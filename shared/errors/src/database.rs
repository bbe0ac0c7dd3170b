//! Turns database errors into what the caller learns, by SQLSTATE and by constraint.

use tokio_postgres::error::SqlState;

use crate::error::Error;
use crate::postgres::{is_link_failure, is_outage};

/// The SQLSTATEs that the schema's own functions raise (`migrations/`).
mod raised {
    pub(super) const UNKNOWN_CALLER: &str = "CT001";
    pub(super) const INACTIVE_CALLER: &str = "CT002";
    pub(super) const PERMISSION_MISSING: &str = "CT003";
    pub(super) const SECOND_FACTOR_MISSING: &str = "CT004";
    pub(super) const KEY_ANSWERED: &str = "CT005";
    pub(super) const KEY_REUSED: &str = "CT006";
    pub(super) const NOT_PROVEN: &str = "CT007";
    pub(super) const NOT_THE_KEEPER: &str = "CT009";
    pub(super) const NOT_A_SECOND_PERSON: &str = "CT012";
    pub(super) const NOT_APPROVED: &str = "CT011";
    pub(super) const TOO_MANY_KEYS: &str = "CT010";
    pub(super) const TOO_MANY_UPLOADS: &str = "CT013";
    pub(super) const CHANGED_SINCE_IMPORT: &str = "CT014";
    pub(super) const EVENTS_EXPIRED: &str = "CT015";
    pub(super) const TOO_MANY_EMERGENCY_SEARCHES: &str = "CT016";
}

impl Error {
    /// Whether the work was done for an earlier request with the same `Idempotency-Key`. The answer is then
    /// read again.
    pub fn is_answered_before(&self) -> bool {
        matches!(self, Self::Database(error)
            if error.code().is_some_and(|code| code.code() == raised::KEY_ANSWERED))
    }

    /// Replaces a database error by what the caller may learn. Returns any other error unchanged. `permission` is
    /// the one that the operation requires.
    #[must_use]
    pub fn translated(self, permission: &'static str) -> Self {
        match self {
            Self::Database(error) => translate(error, permission),
            Self::LinkLost => Self::Unavailable(
                "The database did not answer before anything was changed. Try again later.",
            ),
            other => other,
        }
    }
}

/// The error for the SQLSTATE with which the database refuses a caller. None for any other SQLSTATE. `permission` is
/// the one that the operation requires.
pub fn caller_refused(code: &str, permission: &'static str) -> Option<Error> {
    Some(match code {
        raised::UNKNOWN_CALLER => Error::Forbidden(
            "The caller has no user account here. Ask an administrator to create one.",
        ),
        raised::INACTIVE_CALLER => Error::Forbidden(
            "The caller's account is not active. Ask an administrator to activate it.",
        ),
        raised::PERMISSION_MISSING => Error::MissingPermission(permission),
        raised::SECOND_FACTOR_MISSING => Error::Forbidden(
            "The caller's role requires a second factor. Sign in with one (assurance level aal2).",
        ),
        raised::NOT_APPROVED => Error::Forbidden(
            "The caller's account waits for the approval of a second administrator.",
        ),
        _ => return None,
    })
}

fn translate(error: tokio_postgres::Error, permission: &'static str) -> Error {
    let Some(code) = error.code() else {
        return match is_link_failure(&error) {
            true => Error::Unavailable("The database can't be reached. Try again later."),
            false => Error::Database(error),
        };
    };
    if let Some(refused) = caller_refused(code.code(), permission) {
        return refused;
    }
    match code.code() {
        raised::KEY_REUSED => return Error::KeyReused,
        raised::NOT_THE_KEEPER => {
            return Error::Forbidden(
                "The caller may not give or change this role, because it allows more than the caller's own role.",
            );
        }
        raised::NOT_A_SECOND_PERSON => {
            return Error::Forbidden(
                "A second person must approve this. Neither of the two may have created the other's account.",
            );
        }
        raised::NOT_PROVEN => {
            return Error::Unavailable(
                "The database doesn't accept this function's proof of the caller. Try again later.",
            );
        }
        raised::TOO_MANY_KEYS => return Error::TooManyKeys,
        raised::TOO_MANY_UPLOADS => return Error::TooManyUploads,
        raised::TOO_MANY_EMERGENCY_SEARCHES => return Error::TooManyEmergencySearches,
        raised::EVENTS_EXPIRED => return Error::EventsExpired,
        raised::CHANGED_SINCE_IMPORT => return Error::ChangedSinceImport,
        _ => {}
    }
    match *code {
        // Row-level security refused the row, so the caller may not learn that it exists.
        SqlState::INSUFFICIENT_PRIVILEGE => Error::NotFound,
        SqlState::UNTRANSLATABLE_CHARACTER | SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            Error::invalid("", "expected text without NUL characters")
        }
        // A table has no partition for the row. It isn't the caller's fault, and an alarm tells the operator.
        SqlState::CHECK_VIOLATION
            if error
                .as_db_error()
                .is_some_and(|error| error.constraint().is_none()) =>
        {
            Error::Unavailable("The database can't store this yet. Try again later.")
        }
        // Handlers translate all other CHECKs by their names. What remains are the limits of columns.
        SqlState::CHECK_VIOLATION => {
            Error::invalid("", "expected values within the documented limits")
        }
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
            Error::Unavailable("The database took too long. Try again later.")
        }
        _ if is_outage(&error) => Error::Unavailable("The database is busy. Try again later."),
        _ => Error::Database(error),
    }
}

/// Turns the violation of a named constraint into what the caller learns.
pub trait OnConstraint: Sized {
    /// Calls `rule` with the name of the violated constraint and replaces the error by the result. If
    /// `rule` returns none, the error is unchanged.
    #[must_use]
    fn on_constraints(self, rule: impl FnOnce(&str) -> Option<Error>) -> Self;

    /// Replaces the error by `error` if the constraint `name` is violated.
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
