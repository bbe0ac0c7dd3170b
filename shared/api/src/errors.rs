//! The errors of requests, and the problem details that the client receives (RFC 9457).

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::error::SqlState;

use crate::audit::Outcome;

/// The reason why a request failed. No variant carries patient data.
#[derive(Debug)]
pub enum Error {
    /// The body is not JSON.
    MalformedJson,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is larger than this endpoint accepts.
    TooLarge,
    /// A field, a parameter or their combination is invalid.
    Invalid(Vec<FieldError>),
    /// The request has no valid access token.
    NotAuthenticated,
    /// The caller's role lacks the permission or needs a second factor, or the account isn't active.
    Forbidden(&'static str),
    /// The resource doesn't exist, or the caller isn't allowed to see it. The answer is the same.
    NotFound,
    /// Another resource has the same unique identifier.
    AlreadyExists(&'static str),
    /// The state of the resource doesn't allow the change.
    Conflict(&'static str),
    /// A change has no `If-Match` header.
    PreconditionRequired,
    /// The current version isn't the one named in `If-Match`.
    PreconditionFailed,
    /// The `Idempotency-Key` was used for another request.
    KeyReused,
    /// The answer for this `Idempotency-Key` is stored. This is no failure: the wrapper returns that
    /// answer.
    Replay,
    /// A part of the system that the answer depends on is down, for example the audit log.
    Unavailable(&'static str),
    /// The program has a defect.
    Internal(&'static str),
    /// The connection broke before the COMMIT was sent: nothing was changed.
    LinkLost,
    /// A statement failed. `on_constraint` or the SQLSTATE translates it for the client.
    Database(tokio_postgres::Error),
}

/// One invalid field or parameter of a request. It never repeats the value.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The path of the field in the body, for example `allergies[0].code`, or the name of the
    /// parameter.
    pub field: String,
    /// The value that is expected instead, in words, for example `expected 1 to 100`.
    pub message: String,
}

/// The body of an error response, `application/problem+json` (RFC 9457).
#[derive(Debug, JsonSchema, Serialize)]
pub struct Problem {
    /// A URI that identifies the kind of problem. It never changes, so clients can compare it.
    pub r#type: String,
    /// The kind of problem in words. It is the same for each occurrence of the kind.
    pub title: &'static str,
    /// The HTTP status code of the response, for example `404`.
    pub status: u16,
    /// An explanation of this occurrence of the problem. Absent if there is nothing to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// The id of the request, which is also in the audit row and in the logs. Quote it when you
    /// report a problem.
    pub request_id: String,
    /// The invalid fields and parameters, for the problem type `invalid`. Absent for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// The prefix of every problem `type`.
pub const PROBLEM_BASE: &str = "https://caretrail.example/problems/";

impl Error {
    /// The error for a single invalid field.
    pub fn invalid(field: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        }])
    }

    /// The problem's status, title and slug. The slug never changes, because clients compare it.
    pub fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::MalformedJson => (StatusCode::BAD_REQUEST, "malformed-json", "Malformed JSON"),
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
            Self::PreconditionRequired => (
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "If-Match required",
            ),
            Self::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                "precondition-failed",
                "Another version stands",
            ),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency-Key used for another request",
            ),
            Self::Internal(_) | Self::Database(_) | Self::Replay => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
            ),
        }
    }

    /// The audit outcome: denied by an access rule, or failed for another reason.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Forbidden(_) | Self::NotAuthenticated => Outcome::Denied,
            _ => Outcome::Failure,
        }
    }

    /// The body of the error response.
    pub fn problem(&self, request_id: &str) -> Problem {
        let (status, slug, title) = self.kind();
        let (detail, errors) = match self {
            Self::Invalid(errors) => (None, errors.clone()),
            Self::Forbidden(detail)
            | Self::AlreadyExists(detail)
            | Self::Conflict(detail)
            | Self::Unavailable(detail) => (Some(*detail), Vec::new()),
            _ => (None, Vec::new()),
        };
        Problem {
            r#type: format!("{PROBLEM_BASE}{slug}"),
            title,
            status: status.as_u16(),
            detail,
            request_id: request_id.to_owned(),
            errors,
        }
    }

    /// Whether the same transaction may succeed if it is run again from its start.
    pub(crate) fn is_transient(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        match error.code() {
            Some(code) => [
                &SqlState::T_R_SERIALIZATION_FAILURE,
                &SqlState::T_R_DEADLOCK_DETECTED,
                &SqlState::ADMIN_SHUTDOWN,
                &SqlState::CRASH_SHUTDOWN,
                &SqlState::CANNOT_CONNECT_NOW,
            ]
            .contains(&code),
            None => is_link_failure(error),
        }
    }

    /// Translates a database error into one that the client may see. Other errors stay unchanged.
    pub(crate) fn translated(self) -> Self {
        let Self::Database(error) = self else {
            return self;
        };
        let Some(code) = error.code() else {
            return if is_link_failure(&error) {
                Self::Unavailable("the database can't be reached")
            } else {
                Self::Database(error)
            };
        };
        match code.code() {
            "CT001" => Self::Forbidden("the caller has no profile"),
            "CT002" => Self::Forbidden("the caller's account is not active"),
            "CT003" => Self::Forbidden("the caller's role doesn't hold the permission"),
            "CT005" => Self::Replay,
            "CT006" => Self::KeyReused,
            "CT004" => Self::Forbidden("this role needs a second factor (aal2)"),
            // A row-level security policy refused the row, so for the caller it doesn't exist.
            "42501" => Self::NotFound,
            // The text or jsonb contains \u0000.
            "22P05" | "22021" => Self::invalid("", "expected text without NUL characters"),
            // The time is before 4714 BC, the earliest that PostgreSQL can hold.
            "22008" => Self::invalid("", "expected times that the database can hold"),
            // No handler translates this CHECK by name, so it is a bound of the schema.
            "23514" => Self::invalid("", "expected values within the bounds of the schema"),
            "57014" | "55P03" => Self::Unavailable("the database took too long"),
            "40001" | "40P01" | "57P01" | "57P02" | "57P03" | "53300" => {
                Self::Unavailable("the database is busy")
            }
            _ => Self::Database(error),
        }
    }
}

/// Whether the connection broke, rather than a statement failing.
pub(crate) fn is_link_failure(error: &tokio_postgres::Error) -> bool {
    use std::error::Error as _;
    error.is_closed()
        || error
            .source()
            .is_some_and(|source| source.is::<std::io::Error>())
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// Translates the violation of a named database constraint into an error for the client.
pub trait OnConstraint: Sized {
    /// Replaces the violation of a constraint with the error that `rule` returns for its name, if any.
    #[must_use]
    fn on_constraints(self, rule: impl FnOnce(&str) -> Option<Error>) -> Self;

    /// Replaces the violation of the constraint `name` with `error`.
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

/// Makes an error from serde's message. It keeps what the type expects and drops the value that the
/// client sent, because it may be PHI.
pub(crate) fn field_error(path: String, message: &str) -> Error {
    let expected = message.split_once("expected ").map(|(_, expected)| {
        let expected = expected
            .split_once(" at line ")
            .map_or(expected, |(expected, _)| expected);
        format!("expected {expected}")
    });
    // Such a message names a field of the expected type, which is not yet in the path.
    let below = |rest: &str| {
        let name = rest.split('`').next().unwrap_or_default();
        if path.is_empty() || path == "." {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    let (field, message) = if let Some(rest) = message.strip_prefix("missing field `") {
        (below(rest), "is required".to_owned())
    } else if let Some(rest) = message.strip_prefix("duplicate field `") {
        (below(rest), "appears twice".to_owned())
    } else if message.starts_with("unknown field") {
        (
            path,
            expected.map_or("is not a field here".to_owned(), |expected| {
                format!("is not a field here; {expected}")
            }),
        )
    } else {
        (
            path,
            expected.unwrap_or_else(|| "is not acceptable".to_owned()),
        )
    };
    Error::Invalid(vec![FieldError { field, message }])
}
