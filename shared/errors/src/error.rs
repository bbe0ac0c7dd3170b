//! The one error type of handlers and of everything below them.

use std::fmt;

use crate::database;
use crate::problem::{FieldError, Kind};

/// Why a request is not answered as asked.
///
/// A `&'static str` is the text that the caller reads, except in [`Internal`](Self::Internal): that
/// text is for the log alone. No variant carries patient data.
#[derive(Debug)]
pub enum Error {
    /// The body is not JSON.
    MalformedJson,
    /// The body's declared media type is not the one that the operation takes.
    UnsupportedMediaType,
    /// The body is larger than the operation takes.
    TooLarge,
    /// Fields or parameters are missing, unknown or not acceptable.
    Invalid(Vec<FieldError>),
    /// The request has no acceptable access token.
    NotAuthenticated,
    /// The caller's role lacks the permission, or the caller has not used a second factor.
    Forbidden(&'static str),
    /// The resource does not exist, or the caller may not see it. Both get the same answer.
    NotFound,
    /// A resource with the same unique identifier exists.
    AlreadyExists(&'static str),
    /// The resource's state does not allow the step.
    Conflict(&'static str),
    /// A change does not say which version it was made from.
    PreconditionRequired,
    /// The resource has another version than the one the change was made from.
    PreconditionFailed,
    /// The `Idempotency-Key` was used for another request.
    KeyReused,
    /// A part that the answer depends on is not available. The audit log is such a part.
    Unavailable(&'static str),
    /// A defect of this system.
    Internal(&'static str),
    /// The connection broke before COMMIT was sent. Nothing was changed.
    LinkLost,
    /// A statement failed, and nothing has translated the failure yet.
    Database(tokio_postgres::Error),
}

impl Error {
    /// A problem with one field.
    pub fn invalid(field: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    /// Whether the same transaction may succeed if it runs again from its start.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if database::is_transient(error))
    }

    /// Replaces a database error by what the caller may learn of it. Other errors stay.
    #[must_use]
    pub fn translated(self) -> Self {
        match self {
            Self::Database(error) => database::translate(error),
            other => other,
        }
    }

    /// The kind of problem.
    pub fn kind(&self) -> Kind {
        Kind::of(self)
    }
}

/// For the log: the kind, and for a defect its cause. A database error is shown by its SQLSTATE and
/// constraint alone, because its message and detail quote stored values.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(cause) => f.write_str(cause),
            Self::Database(error) => database::describe(error, f),
            other => f.write_str(other.kind().slug),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}
