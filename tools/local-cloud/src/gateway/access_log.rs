//! The access log: one line for each request, in the form that the template sets.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::log_group::LogGroup;

/// The form of a time in the Common Log Format.
pub const CLF: &str = "%d/%b/%Y:%H:%M:%S +0000";

/// Begins a variable.
const VARIABLE: &str = "$context.";

/// Where the lines go, and their form.
#[derive(Debug)]
pub struct AccessLog {
    group: Arc<LogGroup>,
    stream: String,
    format: String,
}

/// What a line can say of a request.
#[derive(Debug)]
pub struct Entry {
    /// API Gateway's id of the request.
    pub request_id: String,
    pub received: DateTime<Utc>,
    pub began: Instant,
    pub source_ip: String,
    pub method: String,
    /// `GET /v1/patients/{id}`, if there is such a route.
    pub route_key: Option<String>,
    /// What the gateway itself answers, such as `Not Found`.
    pub error: Option<&'static str>,
    /// The call of the function, if there was one.
    pub integration: Option<Integration>,
    pub status: u16,
    /// The bytes of the answer's body.
    pub length: u64,
}

/// A call of a function.
#[derive(Debug)]
pub struct Integration {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// The status that Lambda answered the call with.
    pub lambda_status: u16,
    /// The status that the function answered with; `None` if it failed.
    pub status: Option<u16>,
    /// Why the call failed.
    pub error: Option<&'static str>,
    /// Milliseconds.
    pub latency: u128,
}

impl AccessLog {
    /// Writes lines of this form to `group`.
    ///
    /// # Errors
    /// The form names a variable that the local cloud doesn't know; names it.
    pub fn new(format: &str, group: Arc<LogGroup>) -> Result<Self> {
        for name in variables(format) {
            ensure!(
                Entry::example().value(name).is_some(),
                "the local cloud doesn't know the variable {VARIABLE}{name} of the access log"
            );
        }
        Ok(Self {
            group,
            stream: Uuid::new_v4().simple().to_string(),
            format: format.to_owned(),
        })
    }

    /// Writes the line of a request that is answered.
    pub fn write(&self, entry: &Entry) {
        let line = line(&self.format, entry);
        if let Err(error) = self.group.write(&self.stream, &line) {
            tracing::error!(%error, "a line of the access log is lost");
        }
    }
}

/// The names of the variables of a form, without `$context.`.
fn variables(format: &str) -> impl Iterator<Item = &str> {
    format.split(VARIABLE).skip(1).map(|part| name(part).0)
}

/// Splits what follows `$context.` into a variable's name and the rest.
fn name(part: &str) -> (&str, &str) {
    let end = part
        .find(|character: char| !character.is_ascii_alphanumeric() && character != '.')
        .unwrap_or(part.len());
    let name = part[..end].trim_end_matches('.');
    (name, &part[name.len()..])
}

fn line(format: &str, entry: &Entry) -> String {
    let mut parts = format.split(VARIABLE);
    let mut line = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = name(part);
        // API Gateway writes a hyphen for what there isn't.
        line.push_str(&entry.value(name).flatten().unwrap_or_else(|| "-".into()));
        line.push_str(rest);
    }
    line
}

impl Entry {
    /// A request that has just come.
    pub fn new(source_ip: String, method: String) -> Self {
        Self {
            request_id: Uuid::new_v4().to_string(),
            received: Utc::now(),
            began: Instant::now(),
            source_ip,
            method,
            route_key: None,
            error: None,
            integration: None,
            status: 0,
            length: 0,
        }
    }

    fn example() -> Self {
        Self::new(String::new(), String::new())
    }

    /// The value of a variable. `Some(None)`: the request has none. `None`: there is no such variable.
    fn value(&self, name: &str) -> Option<Option<String>> {
        let integration = self.integration.as_ref();
        let value = match name {
            "requestId" => Some(self.request_id.clone()),
            "requestTime" => Some(self.received.format(CLF).to_string()),
            "requestTimeEpoch" => Some(self.received.timestamp_millis().to_string()),
            "identity.sourceIp" => Some(self.source_ip.clone()),
            "httpMethod" => Some(self.method.clone()),
            "routeKey" => self.route_key.clone(),
            "status" => Some(self.status.to_string()),
            "responseLatency" => Some(self.began.elapsed().as_millis().to_string()),
            "responseLength" => Some(self.length.to_string()),
            "error.message" => self.error.map(str::to_owned),
            "integrationErrorMessage" | "integration.error" => {
                integration.and_then(|call| call.error.map(str::to_owned))
            }
            "integration.requestId" | "awsEndpointRequestId" => {
                integration.map(|call| call.request_id.clone())
            }
            "integration.integrationStatus" | "integrationStatus" => {
                integration.map(|call| call.lambda_status.to_string())
            }
            "integration.status" => {
                integration.and_then(|call| call.status.map(|status| status.to_string()))
            }
            "integration.latency" | "integrationLatency" => {
                integration.map(|call| call.latency.to_string())
            }
            _ => return None,
        };
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_form_of_the_template_with_a_hyphen_for_what_there_is_not() {
        let mut entry = Entry::new("203.0.113.9".into(), "GET".into());
        entry.request_id = "r".into();
        entry.received = "2026-01-07T09:05:03.250Z".parse().unwrap();
        entry.status = 404;
        let format = r#"{"id":"$context.requestId","t":"$context.requestTime","ms":$context.requestTimeEpoch,"ip":"$context.identity.sourceIp","route":"$context.routeKey","status":"$context.status"}."#;
        assert_eq!(
            line(format, &entry),
            r#"{"id":"r","t":"07/Jan/2026:09:05:03 +0000","ms":1767776703250,"ip":"203.0.113.9","route":"-","status":"404"}."#
        );
        assert_eq!(line("$context.status.", &entry), "404.");
    }

    #[test]
    fn a_form_with_a_variable_that_is_not_known_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let group = Arc::new(LogGroup::open("/a", folder.path()).unwrap());
        let refused = AccessLog::new("$context.requestId $context.pathh", group).unwrap_err();
        assert!(refused.to_string().contains("$context.pathh"), "{refused}");
    }
}
