//! CloudWatch Logs: its call `FilterLogEvents`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws_json::{self, Refusal};
use crate::listener::Listener;
use crate::log_group::{LogEvent, LogGroup, Place};
use crate::objects::Credentials;

/// Most events on a page.
const MOST: usize = 10_000;

/// Most bytes of messages on a page: 1 MB.
const LARGEST: usize = 1024 * 1024;

/// A running endpoint. Dropping it closes its port.
#[derive(Debug)]
pub struct LogSearch {
    listener: Listener,
}

/// The members of the input. A member that isn't among them is refused, so that no filter is passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    log_group_name: String,
    #[serde(default)]
    start_time: Option<i64>,
    #[serde(default)]
    end_time: Option<i64>,
    #[serde(default)]
    filter_pattern: String,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// What a filter pattern asks of a message.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    All,
    /// `"a term"`: the message contains it.
    Term(String),
    /// `{ ($.type = "platform.report") && ($.record.status = "time*") }`: members of the JSON message have these texts.
    Members(Vec<Member>),
}

/// A member of a JSON message, and its text. A star at the begin or the end of the text stands for any characters.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    path: Vec<String>,
    text: String,
}

impl LogSearch {
    /// Serves these groups on a free port, to callers with these credentials.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(groups: Vec<Arc<LogGroup>>, credentials: &Credentials) -> Result<Self> {
        let listener =
            aws_json::serve(credentials, move |call, input| answer(&groups, call, input));
        let listener = listener.await.context("no port for CloudWatch Logs")?;
        Ok(Self { listener })
    }

    /// The endpoint's URL, a function's `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }
}

fn answer(groups: &[Arc<LogGroup>], call: &str, input: &Value) -> Result<Value, Refusal> {
    if call != "Logs_20140328.FilterLogEvents" {
        let message = "The only call is FilterLogEvents.";
        return Err(("UnknownOperationException", message.into()));
    }
    let input: Input =
        serde_json::from_value(input.clone()).map_err(|fault| invalid(&fault.to_string()))?;
    let group = groups
        .iter()
        .find(|group| group.name() == input.log_group_name)
        .ok_or((
            "ResourceNotFoundException",
            "The specified log group does not exist.".to_owned(),
        ))?;
    let limit = input.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(invalid("The limit is from 1 to 10000."));
    }
    let pattern = Pattern::parse(&input.filter_pattern).ok_or_else(|| {
        invalid("The local cloud knows the patterns \"\", \"term\" in quotes, { $.member = \"text\" } and { ($.one = \"text\") && ($.other = \"text\") }.")
    })?;
    let from = match &input.next_token {
        Some(token) => place(token).ok_or_else(|| invalid("The nextToken is not valid."))?,
        None => Place::default(),
    };
    let (mut events, mut bytes) = (Vec::new(), 0);
    let rest = group.search(
        from,
        input.start_time.unwrap_or_default(),
        input.end_time.unwrap_or(i64::MAX),
        |event| {
            if !pattern.matches(&event.message) {
                return true;
            }
            let size = event.message.len();
            // The first event fits whatever its size is.
            if events.len() == limit || (bytes + size > LARGEST && !events.is_empty()) {
                return false;
            }
            bytes += size;
            events.push(shown(&event));
            true
        },
    );
    let rest = rest.map_err(|fault| ("ServiceUnavailableException", fault.to_string()))?;
    let mut output = json!({"events": events, "searchedLogStreams": []});
    if let Some(place) = rest {
        output["nextToken"] = token(place).into();
    }
    Ok(output)
}

fn shown(event: &LogEvent) -> Value {
    let Place { minute, offset } = event.place;
    json!({
        "eventId": format!("{minute:028}{offset:028}"),
        "ingestionTime": event.timestamp,
        "timestamp": event.timestamp,
        "message": event.message,
        "logStreamName": event.stream,
    })
}

fn token(place: Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", place.minute, place.offset))
}

fn place(token: &str) -> Option<Place> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (minute, offset) = text.split_once(' ')?;
    Some(Place {
        minute: minute.parse().ok()?,
        offset: offset.parse().ok()?,
    })
}

fn invalid(message: &str) -> Refusal {
    ("InvalidParameterException", message.to_owned())
}

impl Pattern {
    /// `None`: the local cloud doesn't know this pattern.
    fn parse(pattern: &str) -> Option<Self> {
        let pattern = pattern.trim();
        if pattern.is_empty() {
            return Some(Self::All);
        }
        // A JSON text has the quotes and the escapes of a term.
        let Some(inner) = pattern
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            let term = pattern
                .starts_with('"')
                .then(|| serde_json::from_str(pattern).ok());
            return term.flatten().map(Self::Term);
        };
        let parts: Vec<_> = inner.split("&&").map(str::trim).collect();
        let members = parts.iter().map(|part| {
            let alone = parts.len() == 1 && !part.starts_with('(');
            let part = match alone {
                true => part,
                false => part.strip_prefix('(')?.strip_suffix(')')?,
            };
            Member::parse(part)
        });
        members.collect::<Option<_>>().map(Self::Members)
    }

    fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Term(term) => message.contains(term),
            Self::Members(members) => serde_json::from_str::<Value>(message)
                .is_ok_and(|document| members.iter().all(|member| member.is_in(&document))),
        }
    }
}

impl Member {
    fn parse(condition: &str) -> Option<Self> {
        let (path, text) = condition.split_once('=')?;
        let path = path.trim().strip_prefix("$.")?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        let text: String = serde_json::from_str(text.trim()).ok()?;
        let inside = text.trim_start_matches('*').trim_end_matches('*');
        (path.iter().all(|name| is_name(name)) && !inside.contains('*'))
            .then_some(Self { path, text })
    }

    fn is_in(&self, document: &Value) -> bool {
        let member = self
            .path
            .iter()
            .try_fold(document, |value, name| value.get(name));
        let Some(found) = member.and_then(Value::as_str) else {
            return false;
        };
        let text = self.text.as_str();
        match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (None, None) => found == text,
            (Some(end), None) => found.ends_with(end),
            (None, Some(begin)) => found.starts_with(begin),
            (Some(_), Some(_)) => found.contains(text.trim_matches('*')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_selects_by_term_or_by_member() {
        let report =
            r#"{"type":"platform.report","record":{"status":"timeout"},"message":"a = b"}"#;
        for (pattern, matches) in [
            ("", true),
            (r#""platform.report""#, true),
            (r#""Platform""#, false),
            (r#""status\":\"timeout""#, true),
            (r#"{ $.type = "platform.report" }"#, true),
            (r#"{$.record.status="timeout"}"#, true),
            (r#"{ $.record.status = "success" }"#, false),
            (r#"{ $.message = "a = b" }"#, true),
            (r#"{ $.type = "platform.*" }"#, true),
            (r#"{ $.type = "*.report" }"#, true),
            (r#"{ $.message = "* = *" }"#, true),
            (r#"{ $.type = "platform" }"#, false),
            (
                r#"{ ($.type = "*report") && ($.record.status = "timeout") }"#,
                true,
            ),
            (
                r#"{ ($.type = "*report") && ($.record.status = "success") }"#,
                false,
            ),
            (r#"{ $.absent = "a" }"#, false),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(report), matches, "{pattern}");
        }
        assert!(
            !Pattern::parse(r#"{ $.a = "b" }"#)
                .unwrap()
                .matches("no JSON")
        );
    }

    #[test]
    fn a_pattern_that_is_not_known_is_refused() {
        for pattern in [
            "term",
            r#""one" "two""#,
            "{ $.a = 1 }",
            r#"{ $.a != "b" }"#,
            r#"{ ($.a = "b") || ($.a = "c") }"#,
            r#"{ $.a = "b*c" }"#,
            r#"{ $.a = "b" && $.a = "c" }"#,
            "[a, b]",
            "%regex%",
        ] {
            assert_eq!(Pattern::parse(pattern), None, "{pattern}");
        }
    }
}
