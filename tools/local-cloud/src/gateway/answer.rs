//! Makes an HTTP response from a function's answer: payload format 2.0.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response; `None` if API Gateway would call the answer malformed.
pub fn decode(answer: &[u8]) -> Option<Response<Full<Bytes>>> {
    let Ok(document) = serde_json::from_slice::<Document>(answer) else {
        return inferred(answer);
    };
    let body = document.body.unwrap_or_default();
    let body = if document.is_base64_encoded {
        STANDARD.decode(body).ok()?
    } else {
        body.into_bytes()
    };

    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(document.status_code).ok()?;
    let headers = response.headers_mut();
    for (name, value) in document.headers.iter().flatten() {
        add(headers, name, value)?;
    }
    for (name, values) in document.multi_value_headers.iter().flatten() {
        let Ok(name_of) = name.parse::<HeaderName>() else {
            return None;
        };
        // A header may be in both maps. This one holds all its values.
        headers.remove(name_of);
        for value in values {
            add(headers, name, value)?;
        }
    }
    for cookie in document.cookies.iter().flatten() {
        headers.append(SET_COOKIE, HeaderValue::from_str(cookie).ok()?);
    }
    // The gateway sets these itself.
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    Some(response)
}

/// JSON without a status code is the body of a 200.
fn inferred(answer: &[u8]) -> Option<Response<Full<Bytes>>> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    if value.get("statusCode").is_some() {
        return None;
    }
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(answer)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}

fn add(headers: &mut HeaderMap, name: &str, value: &Value) -> Option<()> {
    let value = match value {
        Value::String(text) => HeaderValue::from_str(text),
        other => HeaderValue::from_str(&other.to_string()),
    };
    headers.append(name.parse::<HeaderName>().ok()?, value.ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    async fn read(answer: Value) -> Option<(u16, HeaderMap, Bytes)> {
        let (head, body) = decode(answer.to_string().as_bytes())?.into_parts();
        Some((
            head.status.as_u16(),
            head.headers,
            body.collect().await.unwrap().to_bytes(),
        ))
    }

    #[tokio::test]
    async fn status_headers_cookies_and_body_are_taken_over() {
        let (status, headers, body) = read(json!({
            "statusCode": 201,
            "headers": {"Content-Type": "application/json", "X-Number": 7, "content-length": "999"},
            "multiValueHeaders": {"x-many": ["one", "two"], "content-type": ["text/plain"]},
            "cookies": ["a=1; Secure", "b=2"],
            "body": "{}",
            "isBase64Encoded": false,
        }))
        .await
        .unwrap();
        assert_eq!((status, body.as_ref()), (201, b"{}".as_slice()));
        assert_eq!(headers["content-type"], "text/plain");
        assert_eq!(headers["x-number"], "7");
        assert_eq!(headers.get_all("x-many").iter().count(), 2);
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        assert!(!headers.contains_key("content-length"));
    }

    #[tokio::test]
    async fn a_binary_body_is_decoded() {
        let (_, _, body) =
            read(json!({"statusCode": 200, "body": "JVBERg==", "isBase64Encoded": true}))
                .await
                .unwrap();
        assert_eq!(body.as_ref(), b"%PDF");
    }

    #[tokio::test]
    async fn json_without_a_status_is_the_body() {
        let (status, headers, body) = read(json!({"status": "ok"})).await.unwrap();
        assert_eq!(
            (status, body.as_ref()),
            (200, br#"{"status":"ok"}"#.as_slice())
        );
        assert_eq!(headers["content-type"], "application/json");
    }

    #[tokio::test]
    async fn a_malformed_answer_is_none() {
        assert!(read(json!({"statusCode": "many"})).await.is_none());
        assert!(
            read(json!({"statusCode": 200, "body": "§", "isBase64Encoded": true}))
                .await
                .is_none()
        );
        assert!(
            read(json!({"statusCode": 200, "headers": {"bad name": "x"}}))
                .await
                .is_none()
        );
        assert!(decode(b"no json").is_none());
    }
}
