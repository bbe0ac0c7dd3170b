//! The event that S3 sends for a new object.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, Method, Request};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::lambda::REGION;

/// As in a form, with the slashes of a key kept.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

/// Parts of a query that a plain `PUT` may have and still writes the object itself.
const PLAIN: &[&str] = &["x-id"];

/// A request that makes an object, if it succeeds.
#[derive(Debug, PartialEq, Eq)]
pub struct Creation {
    pub bucket: String,
    pub key: String,
    name: &'static str,
}

impl Creation {
    /// Whether `request` would make an object.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        let query = request.uri().query().unwrap_or_default();
        let names: Vec<_> = query
            .split('&')
            .map(|pair| pair.split('=').next().unwrap_or_default())
            .filter(|name| !name.is_empty() && !PLAIN.contains(name))
            .filter(|name| !name.to_ascii_lowercase().starts_with("x-amz-"))
            .collect();
        let name = match (request.method(), names.as_slice()) {
            (&Method::PUT, []) if request.headers().contains_key("x-amz-copy-source") => {
                "ObjectCreated:Copy"
            }
            (&Method::PUT, []) => "ObjectCreated:Put",
            (&Method::POST, ["uploadId"]) => "ObjectCreated:CompleteMultipartUpload",
            _ => return None,
        };
        let (bucket, key) = request.uri().path().strip_prefix('/')?.split_once('/')?;
        if key.is_empty() {
            return None;
        }
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some(Self {
            bucket: decoded(bucket),
            key: decoded(key),
            name,
        })
    }

    /// The event, one record.
    pub fn event(&self, etag: &str, size: u64, peer: SocketAddr) -> Value {
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "eventName": self.name,
            "userIdentity": {"principalId": "AWS:local"},
            "requestParameters": {"sourceIPAddress": peer.ip().to_string()},
            "responseElements": {
                "x-amz-request-id": Uuid::new_v4().simple().to_string(),
                "x-amz-id-2": Uuid::new_v4().simple().to_string(),
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "local",
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": {"principalId": "local"},
                    "arn": format!("arn:aws:s3:::{}", self.bucket),
                },
                "object": {
                    "key": form_encoded(&self.key),
                    "size": size,
                    "eTag": etag,
                    "sequencer": sequencer(),
                },
            },
        }]})
    }
}

/// The new object's ETag, without quotes; none when the answer tells of a failure after all.
pub fn etag(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let quoted = match headers.get("etag") {
        Some(etag) => etag.to_str().ok()?.to_owned(),
        // A copy and a multipart upload tell it in the body.
        None => {
            let body = std::str::from_utf8(body).ok()?;
            let (_, rest) = body.split_once("<ETag>")?;
            rest.split_once("</ETag>")?.0.replace("&quot;", "\"")
        }
    };
    Some(quoted.trim_matches('"').to_owned())
}

fn form_encoded(key: &str) -> String {
    utf8_percent_encode(key, KEY).to_string().replace(' ', "+")
}

/// Grows with time, so that of two events for one key the later is known.
fn sequencer() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
    let next = |last: u64| now.max(last + 1);
    let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(next(last)));
    format!("{:016X}", next(last.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, uri: &str) -> Option<Creation> {
        Creation::of(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn what_writes_an_object_is_told_from_what_does_not() {
        let signed = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&x-id=PutObject";
        let put = of("PUT", &format!("/files/a/b%20c.pdf?{signed}")).unwrap();
        assert_eq!(
            (put.bucket.as_str(), put.key.as_str(), put.name),
            ("files", "a/b c.pdf", "ObjectCreated:Put")
        );
        let complete = of("POST", "/files/a?uploadId=1").unwrap();
        assert_eq!(complete.name, "ObjectCreated:CompleteMultipartUpload");
        for (method, uri) in [
            ("PUT", "/files"),
            ("PUT", "/files/"),
            ("PUT", "/files/a?partNumber=1&uploadId=2"),
            ("PUT", "/files/a?tagging"),
            ("POST", "/files/a?uploads"),
            ("GET", "/files/a"),
            ("DELETE", "/files/a"),
        ] {
            assert_eq!(of(method, uri), None, "{method} {uri}");
        }
    }

    #[test]
    fn a_key_arrives_form_encoded() {
        assert_eq!(form_encoded("a/b c+d(é).pdf"), "a/b+c%2Bd%28%C3%A9%29.pdf");
    }

    #[test]
    fn the_tag_is_found_in_header_or_body() {
        let mut headers = HeaderMap::new();
        let body = b"<CopyObjectResult><ETag>&quot;ab-2&quot;</ETag></CopyObjectResult>";
        assert_eq!(etag(&headers, body).as_deref(), Some("ab-2"));
        assert_eq!(
            etag(&headers, b"<Error><Code>InternalError</Code></Error>"),
            None
        );
        headers.insert("etag", "\"cd\"".parse().unwrap());
        assert_eq!(etag(&headers, b"").as_deref(), Some("cd"));
    }

    #[test]
    fn sequencers_grow() {
        let many: Vec<_> = (0..100).map(|_| sequencer()).collect();
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
