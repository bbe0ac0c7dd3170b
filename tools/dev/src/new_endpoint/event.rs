//! The event of the new endpoint, in API Gateway's payload format 2.0.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::changes::Changes;
use super::endpoint::{Method, NewEndpoint};

/// The id in the event of an endpoint with a new kind of id.
const SAMPLE_ID: &str = "0190a5e4-d160-7273-8485-9fa0b1c2d309";

pub fn write(changes: &mut Changes, endpoint: &NewEndpoint) -> Result<()> {
    let text = event(endpoint, &samples(changes, endpoint));
    changes.create(format!("events/{}.json", endpoint.name), text)
}

/// A value for each path parameter: the one in the event of an endpoint on the same path or on the
/// beginning of it, so that the events tell of the same resources.
fn samples(changes: &Changes, endpoint: &NewEndpoint) -> BTreeMap<String, String> {
    let mut samples = BTreeMap::new();
    for (name, kind) in endpoint.parameters() {
        let end = endpoint
            .path
            .find(&format!("{{{name}}}"))
            .unwrap_or_default();
        let beginning = &endpoint.path[..end + name.len() + 2];
        let found = changes.texts_in("events").iter().find_map(|text| {
            let event: Value = serde_json::from_str(text).ok()?;
            let path = event["routeKey"].as_str()?.split(' ').nth(1)?;
            path.starts_with(beginning)
                .then(|| event["pathParameters"][name].as_str().map(str::to_owned))?
        });
        let other = match kind {
            "String" => "example",
            _ => SAMPLE_ID,
        };
        samples.insert(name.to_owned(), found.unwrap_or_else(|| other.to_owned()));
    }
    samples
}

fn event(endpoint: &NewEndpoint, samples: &BTreeMap<String, String>) -> String {
    let (name, method, route) = (&endpoint.name, endpoint.method.as_str(), endpoint.route());
    let mut path = endpoint.path.clone();
    for (name, value) in samples {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    let mut body_headers = String::new();
    if endpoint.has_body {
        let media_type = match endpoint.method {
            Method::Patch => "application/merge-patch+json",
            _ => "application/json",
        };
        body_headers =
            format!("    \"content-length\": \"2\",\n    \"content-type\": \"{media_type}\",\n");
    }
    let if_match = match endpoint.is_versioned() {
        true => "    \"if-match\": \"\\\"1\\\"\",\n",
        false => "",
    };
    let mut parameters = String::new();
    if !samples.is_empty() {
        let lines: Vec<_> = endpoint
            .parameters()
            .iter()
            .map(|(name, _)| format!("    \"{name}\": \"{}\"", samples[*name]))
            .collect();
        parameters = format!("  \"pathParameters\": {{\n{}\n  }},\n", lines.join(",\n"));
    }
    let body = match endpoint.has_body {
        true => "  \"body\": \"{}\",\n",
        false => "",
    };
    format!(
        r#"{{
  "version": "2.0",
  "routeKey": "{route}",
  "rawPath": "{path}",
  "rawQueryString": "",
  "headers": {{
    "accept": "application/json",
    "authorization": "Bearer PUT-AN-ACCESS-TOKEN-HERE",
{body_headers}    "host": "api.caretrail.example",
{if_match}    "user-agent": "caretrail-portal/1.0",
    "x-amzn-trace-id": "Root=1-70a1f2c4-0123456789abcdef00000099",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https"
  }},
{parameters}  "requestContext": {{
    "accountId": "000000000000",
    "apiId": "a1b2c3d4e5",
    "domainName": "api.caretrail.example",
    "domainPrefix": "api",
    "http": {{
      "method": "{method}",
      "path": "{path}",
      "protocol": "HTTP/1.1",
      "sourceIp": "203.0.113.7",
      "userAgent": "caretrail-portal/1.0"
    }},
    "requestId": "event-{name}",
    "routeKey": "{route}",
    "stage": "$default",
    "time": "13/May/2030:13:00:00 +0000",
    "timeEpoch": 1904907600000
  }},
{body}  "isBase64Encoded": false
}}
"#
    )
}
