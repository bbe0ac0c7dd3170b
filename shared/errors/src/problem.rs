//! The body of an error response (RFC 9457).

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;
use crate::field_error::FieldError;
use crate::kind::Kind;

/// The prefix of every problem `type`.
pub const PROBLEM_BASE: &str = "https://caretrail.example/problems/";

const TOO_MANY_KEYS: &str = "A caller can use 1000 Idempotency-Keys within a day. Send the request without \
    one, or wait until earlier keys have ended.";

const OUTCOME_UNKNOWN: &str = "It is unknown whether the request took effect. If it had an Idempotency-Key, \
    send it again with the same key. Otherwise read the resource before you send it again.";

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
    /// The invalid fields and parameters, for the problem type `invalid`, or the header, for
    /// `malformed-header`. Absent for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// The problem that the caller gets for this error.
    pub fn new(error: &Error, request_id: &str) -> Self {
        let Kind {
            status,
            slug,
            title,
        } = error.kind();
        let (detail, errors) = match error {
            Error::Invalid(errors) => (None, errors.clone()),
            Error::MalformedHeader(error) => (None, vec![error.clone()]),
            Error::Forbidden(detail)
            | Error::AlreadyExists(detail)
            | Error::Conflict(detail)
            | Error::Unavailable(detail) => (Some(*detail), Vec::new()),
            Error::TooManyKeys => (Some(TOO_MANY_KEYS), Vec::new()),
            Error::OutcomeUnknown => (Some(OUTCOME_UNKNOWN), Vec::new()),
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
