//! The problem that the caller reads: RFC 9457, with a stable `type`.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Error;

/// The prefix of every problem `type`.
pub const PROBLEM_BASE: &str = "https://caretrail.example/problems/";

/// A kind of problem, the same for each occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The last part of the problem's `type`. It never changes.
    pub slug: &'static str,
    /// The kind in words.
    pub title: &'static str,
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

impl FieldError {
    /// What is wrong with a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl Kind {
    pub(crate) fn of(error: &Error) -> Self {
        let (status, slug, title) = match error {
            Error::MalformedJson => (StatusCode::BAD_REQUEST, "malformed-json", "Malformed JSON"),
            Error::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Error::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Body too large"),
            Error::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "Invalid request",
            ),
            Error::NotAuthenticated => (
                StatusCode::UNAUTHORIZED,
                "not-authenticated",
                "Not authenticated",
            ),
            Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Not permitted"),
            Error::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Error::AlreadyExists(_) => (StatusCode::CONFLICT, "already-exists", "Already exists"),
            Error::Conflict(_) => (StatusCode::CONFLICT, "conflict", "Conflict"),
            Error::Unavailable(_) | Error::LinkLost => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Unavailable",
            ),
            Error::PreconditionRequired => (
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "If-Match required",
            ),
            Error::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                "precondition-failed",
                "Another version stands",
            ),
            Error::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency-Key used for another request",
            ),
            Error::Internal(_) | Error::Database(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
            ),
        };
        Self {
            status,
            slug,
            title,
        }
    }
}

impl Problem {
    /// What the caller of this request reads of an error.
    pub fn new(error: &Error, request_id: &str) -> Self {
        let Kind {
            status,
            slug,
            title,
        } = error.kind();
        let (detail, errors) = match error {
            Error::Invalid(errors) => (None, errors.clone()),
            Error::Forbidden(detail)
            | Error::AlreadyExists(detail)
            | Error::Conflict(detail)
            | Error::Unavailable(detail) => (Some(*detail), Vec::new()),
            _ => (None, Vec::new()),
        };
        Self {
            r#type: format!("{PROBLEM_BASE}{slug}"),
            title,
            status: status.as_u16(),
            detail,
            request_id: request_id.to_owned(),
            errors,
        }
    }
}
