//! The body of an error response (RFC 9457).

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{CHANGED_SINCE_IMPORT, Error};
use crate::field_error::FieldError;
use crate::kind::Kind;

/// The prefix of every problem `type`. It is a relative reference with the full path (RFC 9457, 3.1.1), so the
/// deployment that sends a problem also describes it.
pub const PROBLEM_BASE: &str = "/problems/";

/// The most faults that one answer names.
pub const MOST_FAULTS: usize = 100;

/// The body of an error response, `application/problem+json` (RFC 9457).
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct Problem {
    /// The kind of problem, as a URI reference relative to the URL of the request, for example
    /// `/problems/invalid`. It never changes, so clients can compare it. A GET request to it returns the
    /// description of the problem.
    #[schemars(extend("format" = "uri-reference"))]
    pub r#type: String,
    /// The kind of problem in words. It is the same for each occurrence of the kind.
    pub title: &'static str,
    /// The HTTP status code of the response, for example `404`.
    #[schemars(extend("format" = "int32", "minimum" = 400, "maximum" = 599))]
    pub status: u16,
    /// An explanation of this occurrence of the problem. Absent if there is nothing to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'static, str>>,
    /// The id of the request, which is also in the audit row and in the logs. Quote it when you
    /// report a problem.
    pub request_id: String,
    /// The invalid fields, parameters and headers, for the problem type `invalid`, or the header, for
    /// `malformed-header`. Absent for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The permission that the caller's role lacks, for example `patients:write`. Absent for all other
    /// problems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<&'static str>,
    /// The greatest number of bytes that the body can have. Absent for all problem types but `too-large`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "int64", "minimum" = 1))]
    pub max_bytes: Option<usize>,
}

impl Problem {
    /// The problem that the caller gets for this error.
    pub fn new(error: &Error, request_id: &str) -> Self {
        let Kind {
            status,
            slug,
            title,
            ..
        } = error.kind();
        let mut problem = Self {
            r#type: format!("{PROBLEM_BASE}{slug}"),
            title,
            status: status.as_u16(),
            request_id: request_id.to_owned(),
            ..Self::default()
        };
        problem.detail = match error {
            Error::Forbidden(detail)
            | Error::AlreadyExists(detail)
            | Error::Conflict(detail)
            | Error::Unavailable(detail) => Some(Cow::Borrowed(*detail)),
            Error::ChangedSinceImport => Some(Cow::Borrowed(CHANGED_SINCE_IMPORT)),
            Error::NotAuthenticated(fault) => Some(Cow::Borrowed(fault.unwrap_or(
                "The request has no access token. Send it in the header Authorization: Bearer.",
            ))),
            Error::MissingPermission(permission) => {
                problem.permission = Some(permission);
                Some(format!("The caller's role lacks the permission {permission}.").into())
            }
            Error::TooLarge(most) => {
                problem.max_bytes = Some(*most);
                Some(format!("The body can have at most {most} bytes.").into())
            }
            Error::UnsupportedMediaType(accepted) => {
                Some(format!("The operation accepts only a body of the type {accepted}.").into())
            }
            Error::MethodNotAllowed(allowed) => {
                Some(format!("This path accepts only: {allowed}.").into())
            }
            Error::NoRoute => Some(Cow::Borrowed(
                "No operation has this path. The document /openapi.json lists all operations.",
            )),
            Error::TooManyKeys
            | Error::TooManyUploads
            | Error::TooManyEmergencySearches
            | Error::EventsExpired
            | Error::TooManyRefusals(_)
            | Error::OutcomeUnknown => Some(error.kind().action.into()),
            Error::MalformedHeader(error) => {
                problem.errors = vec![error.clone()];
                None
            }
            Error::Invalid(errors) => {
                problem.errors = errors.iter().take(MOST_FAULTS).cloned().collect();
                None
            }
            _ => None,
        };
        problem
    }
}
