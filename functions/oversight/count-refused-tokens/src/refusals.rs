//! The refused tokens in the log of the functions.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::input::FromSettings;
use api::prelude::*;
use aws::LogGroup;
use settings::{Misconfigured, whole_number};

/// The line of a refused token: see `shared/api/src/service.rs`.
const LINES: &str = r#"{ $.message = "caller not authenticated" }"#;

/// The kinds that clients of honest users cause each day: no token yet, or one that has expired. They tell nothing of a
/// network.
const USUAL: [&str; 2] = ["missing", "expired"];

/// What the log says if CloudWatch Logs can't be searched.
const UNREACHABLE: &str = "CloudWatch Logs can't be searched.";

/// Where refused tokens are logged.
pub struct RefusalLog {
    functions: LogGroup,
    /// How long a line may take until it can be found, in seconds.
    pub wait: i32,
}

#[derive(Deserialize)]
struct Line {
    kind: Option<String>,
    source_ip: Option<IpAddr>,
}

/// The unusual tokens that were refused.
pub struct Refused {
    /// The addresses from which they came.
    pub addresses: Vec<String>,
    /// The number of tokens from each address.
    pub tokens: Vec<i64>,
}

impl FromSettings for RefusalLog {
    fn from_settings() -> Result<Self, Misconfigured> {
        let wait = whole_number("REFUSED_TOKENS_WAIT")?.try_into();
        Ok(Self {
            functions: LogGroup::from_env("FUNCTION_LOG_GROUP")?,
            wait: wait
                .map_err(|_| Misconfigured("REFUSED_TOKENS_WAIT", "expected some seconds"))?,
        })
    }
}

impl RefusalLog {
    /// Counts the lines from `since` until before `until`. Errors: the log can't be searched.
    pub async fn count(&self, since: Timestamp, until: Timestamp) -> Result<Refused, Error> {
        let mut counts = BTreeMap::<IpAddr, i64>::new();
        // The search includes its end.
        let last = until - TimeDelta::milliseconds(1);
        let lines = self
            .functions
            .search(LINES, since.into(), last.into(), |event| {
                if let Ok(line) = serde_json::from_str::<Line>(&event.message)
                    && let (Some(kind), Some(address)) = (line.kind, line.source_ip)
                    && !USUAL.contains(&kind.as_str())
                {
                    *counts.entry(address.to_canonical()).or_default() += 1;
                }
            });
        lines.await.map_err(|error| {
            tracing::error!(%error, "refused tokens could not be counted");
            Error::Unavailable(UNREACHABLE)
        })?;
        let counts = counts.into_iter();
        let (addresses, tokens) = counts
            .map(|(address, tokens)| (address.to_string(), tokens))
            .unzip();
        Ok(Refused { addresses, tokens })
    }
}
