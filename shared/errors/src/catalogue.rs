//! The catalogue of problems that the deployment serves and that docs/errors.md lists.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;
use crate::field_error::FieldError;
use crate::kind::Kind;
use crate::problem::{PROBLEM_BASE, Problem};

const REQUEST_ID: &str = "JKJaXmPLvHcESHA=";

/// The description of a kind of problem.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ProblemType {
    /// The value of `type` in a problem of this kind, for example `/problems/invalid`.
    #[schemars(extend("format" = "uri-reference"))]
    pub r#type: String,
    /// The name of the kind, which is the last part of `type`.
    pub name: &'static str,
    /// The HTTP status code of the response, for example `404`.
    #[schemars(extend("format" = "int32", "minimum" = 400, "maximum" = 599))]
    pub status: u16,
    /// The kind of problem in words.
    pub title: &'static str,
    /// The meaning of the problem to the caller.
    pub meaning: &'static str,
    /// The action that the caller can take.
    pub action: &'static str,
    /// An example of a problem of this kind.
    pub sample: Problem,
}

/// All kinds of problems.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ProblemTypes {
    /// The kinds of problems, in the order of their statuses.
    pub items: Vec<ProblemType>,
}

/// The catalogue, in the order of the statuses.
pub fn catalogue() -> ProblemTypes {
    let described = Kind::ALL.iter().map(|kind| ProblemType {
        r#type: format!("{PROBLEM_BASE}{}", kind.slug),
        name: kind.slug,
        status: kind.status.as_u16(),
        title: kind.title,
        meaning: kind.meaning,
        action: kind.action,
        sample: Problem::new(&example(kind), REQUEST_ID),
    });
    ProblemTypes {
        items: described.collect(),
    }
}

fn example(kind: &Kind) -> Error {
    match *kind {
        Kind::MALFORMED_JSON => Error::MalformedJson,
        Kind::MALFORMED_HEADER => Error::MalformedHeader(FieldError::header(
            "If-Match",
            "expected * or entity tags in double quotes, separated by commas, for example \"1\"",
        )),
        Kind::NOT_AUTHENTICATED => Error::NotAuthenticated(Some("The access token has expired.")),
        Kind::FORBIDDEN => Error::MissingPermission("patients:write"),
        Kind::NOT_FOUND => Error::NotFound,
        Kind::METHOD_NOT_ALLOWED => Error::MethodNotAllowed("GET, PATCH, DELETE".to_owned()),
        Kind::ALREADY_EXISTS => {
            Error::AlreadyExists("Another patient already has this patient_number.")
        }
        Kind::CONFLICT => Error::Conflict("The provider already has an appointment at that time."),
        Kind::CHANGED_SINCE_IMPORT => Error::ChangedSinceImport,
        Kind::PRECONDITION_FAILED => Error::PreconditionFailed,
        Kind::TOO_LARGE => Error::TooLarge(128 * 1024),
        Kind::UNSUPPORTED_MEDIA_TYPE => Error::UnsupportedMediaType("application/merge-patch+json"),
        Kind::INVALID => Error::Invalid(vec![
            FieldError::at(
                "/date_of_birth",
                "expected a day, month or year such as 1984-07-21, 1984-07 or 1984, in 1850 or later, for example 1984-07-21; got a string of 10 characters",
            ),
            FieldError::at("/allergies/0/code", "is required; expected an object"),
        ]),
        Kind::IDEMPOTENCY_KEY_REUSED => Error::KeyReused,
        Kind::PRECONDITION_REQUIRED => Error::PreconditionRequired,
        Kind::TOO_MANY_KEYS => Error::TooManyKeys,
        Kind::TOO_MANY_UPLOADS => Error::TooManyUploads,
        Kind::TOO_MANY_EMERGENCY_SEARCHES => Error::TooManyEmergencySearches,
        Kind::EVENTS_EXPIRED => Error::EventsExpired,
        Kind::TOO_MANY_REFUSALS => Error::TooManyRefusals(60),
        Kind::UNAVAILABLE => Error::Unavailable("The database can't be reached. Try again later."),
        Kind::OUTCOME_UNKNOWN => Error::OutcomeUnknown,
        _ => Error::Internal(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_example_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(example(kind).kind(), *kind);
        }
        let slugs: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.slug).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
    }
}
