//! Everything that can go wrong with a request, and what the client learns of it (RFC 9457).

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::error::SqlState;

use crate::audit::Outcome;

/// Why a request was not answered as asked. No variant carries patient data.
#[derive(Debug)]
pub enum Error {
    /// The body is not JSON.
    MalformedJson,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is larger than this endpoint takes.
    TooLarge,
    /// A field, parameter or combination is not acceptable.
    Invalid(Vec<FieldError>),
    /// No acceptable token.
    NotAuthenticated,
    /// The caller's role doesn't hold the permission, or needs a second factor.
    Forbidden(&'static str),
    /// Absent, or not for this caller: the answer is the same.
    NotFound,
    /// Something with the same unique identifier exists.
    AlreadyExists(&'static str),
    /// The resource's state doesn't allow it.
    Conflict(&'static str),
    /// A change doesn't say which version it was made from.
    PreconditionRequired,
    /// Another version stands than the one the change was made from.
    PreconditionFailed,
    /// The Idempotency-Key was used for another request.
    KeyReused,
    /// The Idempotency-Key's answer is kept: not a failure, the wrapper gives it again.
    Replay,
    /// A part this answer depends on is down, the audit log included.
    Unavailable(&'static str),
    /// A defect of ours.
    Internal(&'static str),
    /// The connection broke before the COMMIT was sent: nothing was changed.
    LinkLost,
    /// A statement failed; translated by `on_constraint` or by its SQLSTATE.
    Database(tokio_postgres::Error),
}

/// One field's problem. `field` is a path such as `allergies[0].code`; never a value.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Path of the field in the body, or the parameter's name.
    pub field: String,
    /// What is expected.
    pub message: String,
}

/// The body of an error answer: RFC 9457 `application/problem+json`.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Problem {
    /// A stable identifier of the kind of problem.
    pub r#type: String,
    /// The kind in words, the same for each occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What this occurrence is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// The request this answers, as in its audit row and logs.
    pub request_id: String,
    /// The fields concerned, for `invalid`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// Base of every problem `type`.
pub const PROBLEM_BASE: &str = "https://caretrail.example/problems/";

impl Error {
    /// A single field's problem.
    pub fn invalid(field: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        }])
    }

    /// Status, stable slug and title of the problem.
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

    /// The audit outcome: refused by a rule of access, or failed otherwise.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Forbidden(_) | Self::NotAuthenticated => Outcome::Denied,
            _ => Outcome::Failure,
        }
    }

    /// The answer's body.
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

    /// Whether the same transaction may succeed if run again from its start.
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

    /// Translates what the database said into what the client may learn. Idempotent.
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
            // A policy refused the row: to the caller it doesn't exist.
            "42501" => Self::NotFound,
            // \u0000 in text or jsonb.
            "22P05" | "22021" => Self::invalid("", "expected text without NUL characters"),
            // A CHECK that no handler translates by name holds a bound of the schema.
            "23514" => Self::invalid("", "expected values within the bounds of the schema"),
            "57014" | "55P03" => Self::Unavailable("the database took too long"),
            "40001" | "40P01" | "57P01" | "57P02" | "57P03" | "53300" => {
                Self::Unavailable("the database is busy")
            }
            _ => Self::Database(error),
        }
    }
}

/// The connection broke, rather than a statement.
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

/// Turns a named database constraint into what the client learns.
pub trait OnConstraint: Sized {
    /// What `rule` makes of the constraint's name, where the database refused by one that it knows.
    #[must_use]
    fn on_constraints(self, rule: impl FnOnce(&str) -> Option<Error>) -> Self;

    /// `error` instead, where the database refused by the constraint `name`.
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

/// Keeps of serde's message what the type says and drops what the client sent, which may be PHI.
pub(crate) fn field_error(path: String, message: &str) -> Error {
    let expected = message.split_once("expected ").map(|(_, expected)| {
        let expected = expected
            .split_once(" at line ")
            .map_or(expected, |(expected, _)| expected);
        format!("expected {expected}")
    });
    // Such a message names a field of ours that the path doesn't reach.
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
