//! The error type of handlers and of everything below them.

use std::fmt;

use http::StatusCode;

use crate::field_error::FieldError;
use crate::kind::Kind;
use crate::postgres;

/// The detail of the 409 that an importer gets for what somebody changed since the import.
pub const CHANGED_SINCE_IMPORT: &str =
    "Somebody else has changed the imported resource since, so an import can't change it.";

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
    /// The `Content-Type` of the body is not this one, which the operation accepts.
    UnsupportedMediaType(&'static str),
    /// The body has more than this number of bytes.
    TooLarge(usize),
    /// Fields or parameters are missing, unknown or invalid.
    Invalid(Vec<FieldError>),
    /// The request has no access token, or one that is not valid for this reason.
    NotAuthenticated(Option<&'static str>),
    /// The caller has no active account, or they have not used a second factor.
    Forbidden(&'static str),
    /// The caller's role lacks this permission.
    MissingPermission(&'static str),
    /// No operation has the path.
    NoRoute,
    /// No operation has the path with the request's method. These methods are allowed, separated by commas.
    MethodNotAllowed(String),
    /// The resource does not exist, or the caller may not see it. The answer is the same in both cases.
    NotFound,
    /// A resource with the same unique identifier exists.
    AlreadyExists(&'static str),
    /// The current state of the data does not allow the request.
    Conflict(&'static str),
    /// An importer would overwrite what somebody changed since the import.
    ChangedSinceImport,
    /// The request changes a resource and has no `If-Match` header.
    PreconditionRequired,
    /// The resource has another version than the one in `If-Match`.
    PreconditionFailed,
    /// The `Idempotency-Key` was used for another request.
    KeyReused,
    /// The caller has used too many `Idempotency-Key`s within a day.
    TooManyKeys,
    /// The caller has announced too many files, or too large ones, within a day.
    TooManyUploads,
    /// The caller has looked for too many patients within an hour to get emergency access.
    TooManyEmergencySearches,
    /// Events after the caller's cursor are deleted.
    EventsExpired,
    /// Too many requests of the caller were refused within a minute. The next minute begins in this number of
    /// seconds.
    TooManyRefusals(u32),
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
    /// A problem with one field of the body. Dots separate the names of nested fields: `hold.expires_at`.
    pub fn invalid(field: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    /// A problem with one parameter in the query or in the path.
    pub fn invalid_parameter(name: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError::parameter(name, message)])
    }

    /// A problem with one header.
    pub fn invalid_header(name: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError::header(name, message)])
    }

    /// The error for these faults. None if there are none.
    pub fn all(faults: Vec<FieldError>) -> Option<Self> {
        (!faults.is_empty()).then_some(Self::Invalid(faults))
    }

    /// The first of these errors, with the faults of the others as [`and`](Self::and) says.
    pub fn first(results: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        let errors = results.into_iter().filter_map(Result::err);
        errors.reduce(Self::and).map_or(Ok(()), Err)
    }

    /// This error, with the faults of another one if both are [`Invalid`](Self::Invalid). An error of another
    /// kind stands alone.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Invalid(mut faults), Self::Invalid(others)) => {
                for fault in others {
                    if !faults.contains(&fault) {
                        faults.push(fault);
                    }
                }
                Self::Invalid(faults)
            }
            (first, _) => first,
        }
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

    /// Whether the request itself is at fault: its form, its caller or what it asks for. Not at fault is a request
    /// that the state of the data doesn't allow at the moment, because an honest caller can't know that before.
    pub fn is_callers_fault(&self) -> bool {
        let status = self.kind().status;
        let by_state = [StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];
        status.is_client_error() && !by_state.contains(&status)
    }

    /// The kind of problem that the caller gets.
    pub fn kind(&self) -> Kind {
        match self {
            Self::MalformedJson => Kind::MALFORMED_JSON,
            Self::MalformedHeader(_) => Kind::MALFORMED_HEADER,
            Self::UnsupportedMediaType(_) => Kind::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => Kind::TOO_LARGE,
            Self::Invalid(_) => Kind::INVALID,
            Self::NotAuthenticated(_) => Kind::NOT_AUTHENTICATED,
            Self::Forbidden(_) | Self::MissingPermission(_) => Kind::FORBIDDEN,
            Self::NotFound | Self::NoRoute => Kind::NOT_FOUND,
            Self::MethodNotAllowed(_) => Kind::METHOD_NOT_ALLOWED,
            Self::AlreadyExists(_) => Kind::ALREADY_EXISTS,
            Self::Conflict(_) => Kind::CONFLICT,
            Self::ChangedSinceImport => Kind::CHANGED_SINCE_IMPORT,
            Self::Unavailable(_) | Self::LinkLost => Kind::UNAVAILABLE,
            Self::OutcomeUnknown => Kind::OUTCOME_UNKNOWN,
            Self::PreconditionRequired => Kind::PRECONDITION_REQUIRED,
            Self::PreconditionFailed => Kind::PRECONDITION_FAILED,
            Self::KeyReused => Kind::IDEMPOTENCY_KEY_REUSED,
            Self::TooManyKeys => Kind::TOO_MANY_KEYS,
            Self::TooManyUploads => Kind::TOO_MANY_UPLOADS,
            Self::TooManyEmergencySearches => Kind::TOO_MANY_EMERGENCY_SEARCHES,
            Self::EventsExpired => Kind::EVENTS_EXPIRED,
            Self::TooManyRefusals(_) => Kind::TOO_MANY_REFUSALS,
            Self::Internal(_) | Self::Database(_) => Kind::INTERNAL,
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
