//! Why a call did not succeed.

use std::fmt;

use bytes::Bytes;
use http::Response;
use serde_json::Value;

/// Why a call did not succeed. Holds nothing of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The answer has a status other than success.
    Problem {
        /// The status.
        status: u16,
        /// The last part of the problem's `type`, e.g. `already-exists`.
        slug: String,
        /// Each wrong field with what the API expects.
        fields: Vec<String>,
        /// The request id, as in the audit log.
        request_id: String,
    },
    /// No answer came after several tries.
    Unanswered(String),
}

impl Refusal {
    /// Whether no other request of the caller will succeed either: the token isn't accepted, the account can't act, or
    /// nobody answers.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Problem { status, .. } => [401, 403, 429, 503].contains(status),
            Self::Unanswered(_) => true,
        }
    }

    /// Whether it is a problem of this kind.
    pub fn is(&self, kind: &str) -> bool {
        matches!(self, Self::Problem { slug, .. } if slug == kind)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem {
                status,
                slug,
                fields,
                request_id,
            } => {
                write!(out, "answered {status} {slug}")?;
                if !fields.is_empty() {
                    write!(out, " ({})", fields.join("; "))?;
                }
                if !request_id.is_empty() {
                    write!(out, ", request {request_id}")?;
                }
                Ok(())
            }
            Self::Unanswered(reason) => write!(out, "not answered: {reason}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Reads an RFC 9457 problem. Of any other body only the status is kept.
pub fn problem(answer: &Response<Bytes>) -> Refusal {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let slug = body["type"]
        .as_str()
        .and_then(|kind| kind.rsplit('/').next())
        .unwrap_or("without a problem type");
    let fields = body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| {
            let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            let places = ["pointer", "parameter", "header"].map(part).concat();
            format!("{places}: {}", part("message"))
        });
    Refusal::Problem {
        status: answer.status().as_u16(),
        slug: slug.to_owned(),
        fields: fields.collect(),
        request_id: body["request_id"].as_str().unwrap_or_default().to_owned(),
    }
}
