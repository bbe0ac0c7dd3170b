//! The error type of handlers and of everything below them.

use std::fmt;

use http::StatusCode;

use crate::field_error::FieldError;
use crate::kind::Kind;
use crate::postgres;

/// Why a request fails.
///
/// The caller reads the text of a variant, except the text of [`Internal`](Self::Internal), which only
/// the log contains. No variant contains patient data.
#[derive(Debug)]
pub enum Error {
    /// The body is not JSON.
    MalformedJson,
    /// A header doesn't have the form that HTTP or this API requires.
    MalformedHeader(FieldError),
    /// The `Content-Type` of the body is not the one that the operation accepts.
    UnsupportedMediaType,
    /// The body is larger than the operation accepts.
    TooLarge,
    /// Fields or parameters are missing, unknown or invalid.
    Invalid(Vec<FieldError>),
    /// The request has no valid access token.
    NotAuthenticated,
    /// The caller has no active account, their role lacks the permission, or they have not used a second
    /// factor.
    Forbidden(&'static str),
    /// The resource does not exist, or the caller may not see it. The answer is the same in both cases.
    NotFound,
    /// A resource with the same unique identifier exists.
    AlreadyExists(&'static str),
    /// The current state of the data does not allow the request.
    Conflict(&'static str),
    /// The request changes a resource and has no `If-Match` header.
    PreconditionRequired,
    /// The resource has another version than the one in `If-Match`.
    PreconditionFailed,
    /// The `Idempotency-Key` was used for another request.
    KeyReused,
    /// The caller has used too many `Idempotency-Key`s within a day.
    TooManyKeys,
    /// Something that the answer depends on is not available, for example the database or the audit log.
    Unavailable(&'static str),
    /// A COMMIT was sent, and it could not be determined whether it took effect.
    OutcomeUnknown,
    /// A defect of this system.
    Internal(&'static str),
    /// The connection broke, or PostgreSQL did not answer in time, before COMMIT was sent. Nothing was
    /// changed.
    LinkLost,
    /// A statement failed. [`translated`](Self::translated) turns it into what the caller may learn.
    Database(tokio_postgres::Error),
}

impl Error {
    /// A problem with one field.
    pub fn invalid(field: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    /// Whether the same transaction may succeed if it runs again from its start.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if postgres::is_transient(error))
    }

    /// Whether the database can't serve anybody at the moment.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Database(error) if postgres::is_outage(error))
    }

    /// Whether the connection that reported the error must not be used again.
    pub fn spoils_connection(&self) -> bool {
        match self {
            Self::Database(error) => postgres::spoils_connection(error),
            Self::LinkLost => true,
            _ => false,
        }
    }

    /// The kind of problem that the caller gets.
    pub fn kind(&self) -> Kind {
        let (status, slug, title) = match self {
            Self::MalformedJson => (StatusCode::BAD_REQUEST, "malformed-json", "Malformed JSON"),
            Self::MalformedHeader(_) => (
                StatusCode::BAD_REQUEST,
                "malformed-header",
                "Malformed header",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Body too large"),
            Self::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "Invalid request",
            ),
            Self::NotAuthenticated => (
                StatusCode::UNAUTHORIZED,
                "not-authenticated",
                "Not authenticated",
            ),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Not permitted"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::AlreadyExists(_) => (StatusCode::CONFLICT, "already-exists", "Already exists"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict", "Conflict"),
            Self::Unavailable(_) | Self::LinkLost => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Unavailable",
            ),
            Self::OutcomeUnknown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "outcome-unknown",
                "Outcome unknown",
            ),
            Self::PreconditionRequired => (
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "If-Match required",
            ),
            Self::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                "precondition-failed",
                "Version mismatch",
            ),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency-Key used for another request",
            ),
            Self::TooManyKeys => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-idempotency-keys",
                "Too many Idempotency-Keys",
            ),
            Self::Internal(_) | Self::Database(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
            ),
        };
        Kind {
            status,
            slug,
            title,
        }
    }
}

/// The text for the log: the cause of a defect, the SQLSTATE and constraint of a database error, and
/// the slug of any other error.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(cause) => f.write_str(cause),
            Self::Database(error) => postgres::describe(error, f),
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
