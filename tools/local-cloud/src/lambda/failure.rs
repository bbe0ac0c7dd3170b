//! How an invocation ends.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// Why an invocation has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The function reported an error: a JSON document with errorType and errorMessage.
    Reported(Bytes),
    /// Its process ended or could not be started.
    Crashed(String),
    /// It took longer than its `Timeout`, so its process was ended.
    TimedOut(Duration),
    /// Too many invocations already wait for an instance.
    Overloaded,
    /// The answer is larger than Lambda allows: 6 MiB.
    TooLarge,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(document) => {
                write!(out, "reported {}", String::from_utf8_lossy(document))
            }
            Self::Crashed(how) => write!(out, "crashed: {how}"),
            Self::TimedOut(limit) => write!(out, "timed out after {limit:?}"),
            Self::Overloaded => write!(out, "too many invocations wait"),
            Self::TooLarge => write!(out, "the answer is too large"),
        }
    }
}

impl Failure {
    /// The status and the type of error that Lambda reports for the invocation.
    pub(crate) fn reported(&self) -> (&'static str, Option<String>) {
        let kind = |kind: &str| Some(kind.to_owned());
        match self {
            Self::Reported(document) => ("error", error_type(document)),
            Self::Crashed(_) => ("error", kind("Runtime.ExitError")),
            Self::TimedOut(_) => ("timeout", None),
            Self::Overloaded => ("failure", None),
            Self::TooLarge => ("error", kind("Function.ResponseSizeTooLarge")),
        }
    }
}

fn error_type(document: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(document).ok()?;
    Some(document.get("errorType")?.as_str()?.to_owned())
}

impl std::error::Error for Failure {}

/// The answer of an invocation, or why it has none.
pub type Outcome = Result<Bytes, Failure>;
