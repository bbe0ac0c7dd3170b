//! The event that S3 sends for a new object.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use std::net::SocketAddr;

use chrono::{SecondsFormat, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::versions::{self, Place};
use crate::lambda::REGION;

/// Form encoding that keeps the slashes of a key.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

/// A new object.
#[derive(Debug)]
pub struct Created<'a> {
    pub place: &'a Place,
    pub version: &'a str,
    pub e_tag: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it was uploaded in parts.
    pub in_parts: bool,
}

impl Created<'_> {
    /// The event, which has one record.
    pub fn event(&self, peer: SocketAddr) -> Value {
        let name = match self.in_parts {
            true => "ObjectCreated:CompleteMultipartUpload",
            false => "ObjectCreated:Put",
        };
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "eventName": name,
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
                    "name": self.place.bucket,
                    "ownerIdentity": {"principalId": "local"},
                    "arn": format!("arn:aws:s3:::{}", self.place.bucket),
                },
                "object": {
                    "key": form_encoded(&self.place.key),
                    "size": self.size,
                    "eTag": self.e_tag,
                    "versionId": self.version,
                    "sequencer": versions::later(),
                },
            },
        }]})
    }
}

fn form_encoded(key: &str) -> String {
    utf8_percent_encode(key, KEY).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_arrives_form_encoded() {
        assert_eq!(form_encoded("a/b c+d(é).pdf"), "a/b+c%2Bd%28%C3%A9%29.pdf");
    }
}
