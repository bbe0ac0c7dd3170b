//! Makes the event that API Gateway sends a function for a request: payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::access_log::{CLF, Entry};

const TRACE_HEADER: HeaderName = HeaderName::from_static("x-amzn-trace-id");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<Cow<'a, str>>,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<Cow<'a, str>, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: BTreeMap<&'a str, &'a str>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: &'a str,
    user_agent: Cow<'a, str>,
}

/// The event for a request.
pub fn shape(
    head: &Parts,
    body: &Bytes,
    peer: SocketAddr,
    route_key: &str,
    parameters: &[(&str, Cow<'_, str>)],
    entry: &Entry,
    trace: &str,
) -> Bytes {
    let peer = peer.ip().to_string();
    let host = head
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1");
    let domain = host.split(':').next().unwrap_or_default();
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    let query = head.uri.query().unwrap_or_default();
    let text = textual(&head.headers)
        .then(|| std::str::from_utf8(body).ok())
        .flatten();

    let mut headers = joined(&head.headers);
    // API Gateway replaces the address that the caller claims.
    headers.insert("x-forwarded-for", Cow::from(&peer));
    headers.insert("x-forwarded-port", Cow::from(port));
    headers.insert("x-forwarded-proto", Cow::from("http"));
    headers.insert("x-amzn-trace-id", Cow::from(trace));
    let event = Event {
        version: "2.0",
        route_key,
        raw_path: head.uri.path(),
        raw_query_string: query,
        cookies: cookies(&head.headers),
        query_string_parameters: query_parameters(query),
        path_parameters: parameters
            .iter()
            .map(|(name, value)| (*name, value.as_ref()))
            .collect(),
        request_context: Context {
            account_id: "000000000000",
            api_id: "local",
            domain_name: domain,
            domain_prefix: domain.split('.').next().unwrap_or_default(),
            http: Http {
                method: head.method.as_str(),
                path: head.uri.path(),
                protocol: "HTTP/1.1",
                source_ip: &peer,
                user_agent: headers
                    .get(USER_AGENT.as_str())
                    .cloned()
                    .unwrap_or_default(),
            },
            request_id: &entry.request_id,
            route_key,
            stage: "$default",
            time: entry.received.format(CLF).to_string(),
            time_epoch: entry.received.timestamp_millis(),
        },
        headers,
        body: match text {
            _ if body.is_empty() => None,
            Some(text) => Some(Cow::from(text)),
            None => Some(Cow::from(STANDARD.encode(body))),
        },
        is_base64_encoded: !body.is_empty() && text.is_none(),
    };
    // Can't fail: the event holds only text and numbers.
    serde_json::to_vec(&event).unwrap_or_default().into()
}

/// The caller's trace, or a new one.
pub fn trace(headers: &HeaderMap) -> String {
    let given = headers
        .get(TRACE_HEADER)
        .and_then(|trace| trace.to_str().ok());
    match given {
        Some(trace) if trace.starts_with("Root=1-") => trace.to_owned(),
        _ => crate::lambda::trace(),
    }
}

/// All headers but cookies, with lower-case names. The values of a repeated header are joined with
/// commas.
fn joined(headers: &HeaderMap) -> BTreeMap<&str, Cow<'_, str>> {
    let mut joined = BTreeMap::<&str, Cow<'_, str>>::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str())
            .and_modify(|before| {
                let before = before.to_mut();
                before.push(',');
                before.push_str(&value);
            })
            .or_insert(value);
    }
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines
        .flat_map(|line| {
            line.split("; ")
                .map(|cookie| Cow::from(cookie.to_owned()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The decoded query. The values of a repeated name are joined with commas.
fn query_parameters(query: &str) -> BTreeMap<Cow<'_, str>, String> {
    let mut parameters = BTreeMap::<Cow<'_, str>, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = form_decoded(value);
        parameters
            .entry(form_decoded(name))
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    parameters
}

fn form_decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        Cow::from(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
    } else {
        percent_decode_str(text).decode_utf8_lossy()
    }
}

/// Whether API Gateway sends a body of this type as text. It sends all others as base64.
fn textual(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || matches!(
            kind,
            "application/json" | "application/javascript" | "application/xml"
        )
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::*;

    fn event(request: http::request::Builder, body: &'static [u8]) -> Value {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let peer = "127.0.0.1:4711".parse().unwrap();
        let parameters = [("id", Cow::from("a/b"))];
        let mut entry = Entry::new("127.0.0.1".into(), "POST".into());
        entry.request_id = "request".into();
        let shaped = shape(
            &head,
            &Bytes::from_static(body),
            peer,
            "POST /v1/{id}",
            &parameters,
            &entry,
            "Root=1-a",
        );
        serde_json::from_slice(&shaped).unwrap()
    }

    #[test]
    fn a_request_has_the_shape_of_payload_format_2() {
        let request = Request::post("/v1/a%2Fb?x=1&x=2&name=J%C3%BCrgen+M&flag")
            .header("Host", "127.0.0.1:9000")
            .header("User-Agent", "test/1")
            .header("X-Many", "one")
            .header("X-Many", "two")
            .header("X-Forwarded-For", "203.0.113.9")
            .header("Cookie", "a=1; b=2")
            .header("Content-Type", "application/json; charset=utf-8");
        let mut event = event(request, br#"{"a":1}"#);
        let context = &mut event["requestContext"];
        assert!(
            context["timeEpoch"]
                .take()
                .as_i64()
                .is_some_and(|epoch| epoch > 0)
        );
        let time = context["time"].take();
        assert!(
            time.as_str()
                .is_some_and(|time| time.ends_with(" +0000") && time.len() == 26),
            "{time}"
        );
        assert_eq!(
            event,
            json!({
                "version": "2.0",
                "routeKey": "POST /v1/{id}",
                "rawPath": "/v1/a%2Fb",
                "rawQueryString": "x=1&x=2&name=J%C3%BCrgen+M&flag",
                "cookies": ["a=1", "b=2"],
                "headers": {
                    "host": "127.0.0.1:9000",
                    "user-agent": "test/1",
                    "x-many": "one,two",
                    "content-type": "application/json; charset=utf-8",
                    "x-forwarded-for": "127.0.0.1",
                    "x-forwarded-port": "9000",
                    "x-forwarded-proto": "http",
                    "x-amzn-trace-id": "Root=1-a",
                },
                "queryStringParameters": {"x": "1,2", "name": "Jürgen M", "flag": ""},
                "pathParameters": {"id": "a/b"},
                "requestContext": {
                    "accountId": "000000000000",
                    "apiId": "local",
                    "domainName": "127.0.0.1",
                    "domainPrefix": "127",
                    "http": {
                        "method": "POST",
                        "path": "/v1/a%2Fb",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "127.0.0.1",
                        "userAgent": "test/1",
                    },
                    "requestId": "request",
                    "routeKey": "POST /v1/{id}",
                    "stage": "$default",
                    "time": null,
                    "timeEpoch": null,
                },
                "body": r#"{"a":1}"#,
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn a_binary_body_goes_as_base64() {
        let event = event(
            Request::post("/").header("content-type", "application/pdf"),
            b"%PDF",
        );
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("JVBERg=="), &json!(true))
        );
    }

    #[test]
    fn text_that_is_no_utf8_goes_as_base64_too() {
        let event = event(
            Request::post("/").header("content-type", "application/json"),
            b"\xff",
        );
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("/w=="), &json!(true))
        );
    }

    #[test]
    fn a_request_without_body_has_none() {
        let event = event(Request::get("/"), b"");
        assert_eq!(
            (event.get("body"), &event["isBase64Encoded"]),
            (None, &json!(false))
        );
    }
}
