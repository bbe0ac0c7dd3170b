//! S3 by presigned URLs, as browsers use it. Signed by hand here: the SDK is the functions' business.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use jiff::Timestamp;
use local::cloud::FILES_BUCKET;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::world::World;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

fn sha256(content: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, content)
}

/// AWS Signature Version 4 in the query.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
fn presign(
    world: &World,
    method: &str,
    key: &str,
    headers: &[(&str, &str)],
    signed_at: Timestamp,
) -> String {
    let endpoint = world.cloud.objects().url();
    let credentials = world.cloud.credentials().unwrap();
    let host = endpoint.strip_prefix("http://").unwrap();
    let time = signed_at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &time[..8];
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let mut all: Vec<_> = headers.iter().copied().chain([("host", host)]).collect();
    all.sort_unstable();
    let names = all
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(";");
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={time}&X-Amz-Expires=300&X-Amz-SignedHeaders={}",
        encode(&format!("{}/{scope}", credentials.access_key)),
        encode(&names),
    );
    let path = format!(
        "/{FILES_BUCKET}/{}",
        key.split('/').map(encode).collect::<Vec<_>>().join("/")
    );
    let lines: String = all
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(sha256(canonical.as_bytes()).as_ref())
    );
    let mut signing = keyed(format!("AWS4{}", credentials.secret_key).as_bytes(), day);
    for part in ["us-east-1", "s3", "aws4_request"] {
        signing = keyed(&signing, part);
    }
    format!(
        "{endpoint}{path}?{query}&X-Amz-Signature={}",
        hex(&keyed(&signing, &to_sign))
    )
}

async fn send(
    world: &World,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &'static [u8],
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world
        .client
        .send_request(request.body(Full::new(Bytes::from_static(body))).unwrap())
        .await
        .unwrap()
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}

#[tokio::test]
async fn a_signed_upload_is_stored_and_starts_the_function() {
    let world = World::new().await;
    let content = b"%PDF-1.7 a file";
    let checksum = STANDARD.encode(sha256(content));
    let headers = [
        ("x-amz-checksum-sha256", checksum.as_str()),
        ("content-type", "application/pdf"),
    ];
    let url = presign(&world, "PUT", "a/file (1).pdf", &headers, Timestamp::now());
    let stored = send(&world, Method::PUT, &url, &headers, content).await;
    assert_eq!(stored.status(), 200, "{}", text(&stored));

    world.cloud.settled().await;
    assert!(world.cloud.dead_letters().is_empty());
    let lines = world.cloud.logs("on-upload").lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("on-upload got"))
            .count(),
        1
    );

    let url = presign(&world, "GET", "a/file (1).pdf", &[], Timestamp::now());
    let read = send(&world, Method::GET, &url, &[], b"").await;
    assert_eq!(
        (read.status().as_u16(), read.body().as_ref()),
        (200, content.as_slice())
    );
    assert_eq!(read.headers()["content-type"], "application/pdf");
}

#[tokio::test]
async fn another_content_than_the_signed_checksum_says_is_refused() {
    let world = World::new().await;
    let checksum = STANDARD.encode(sha256(b"promised"));
    let headers = [("x-amz-checksum-sha256", checksum.as_str())];
    let url = presign(&world, "PUT", "a", &headers, Timestamp::now());
    let refused = send(&world, Method::PUT, &url, &headers, b"another!").await;
    assert_eq!(refused.status(), 400);
    assert!(text(&refused).contains("BadDigest"), "{}", text(&refused));
    assert!(!world.cloud.objects().path(FILES_BUCKET, "a").exists());
    world.cloud.settled().await;
    assert!(world.cloud.logs("on-upload").lines().is_empty());
}

#[tokio::test]
async fn a_checksum_left_out_or_changed_breaks_the_signature() {
    let world = World::new().await;
    let checksum = STANDARD.encode(sha256(b"promised"));
    let url = presign(
        &world,
        "PUT",
        "a",
        &[("x-amz-checksum-sha256", &checksum)],
        Timestamp::now(),
    );
    let without = send(&world, Method::PUT, &url, &[], b"promised").await;
    assert!(
        matches!(without.status().as_u16(), 400 | 403),
        "{} {}",
        without.status(),
        text(&without)
    );
    let other = STANDARD.encode(sha256(b"another!"));
    let changed = send(
        &world,
        Method::PUT,
        &url,
        &[("x-amz-checksum-sha256", &other)],
        b"another!",
    )
    .await;
    assert_eq!(changed.status(), 403, "{}", text(&changed));
}

#[tokio::test]
async fn a_tampered_an_old_and_a_missing_signature_are_refused() {
    let world = World::new().await;
    let good = presign(&world, "PUT", "a", &[], Timestamp::now());
    let (start, last) = good.split_at(good.len() - 1);
    let tampered = format!("{start}{}", if last == "0" { "1" } else { "0" });
    assert_eq!(
        send(&world, Method::PUT, &tampered, &[], b"x")
            .await
            .status(),
        403
    );
    let elsewhere = good.replace("/a?", "/b?");
    assert_eq!(
        send(&world, Method::PUT, &elsewhere, &[], b"x")
            .await
            .status(),
        403
    );
    let old = presign(
        &world,
        "PUT",
        "a",
        &[],
        Timestamp::now() - jiff::SignedDuration::from_secs(301),
    );
    assert_eq!(
        send(&world, Method::PUT, &old, &[], b"x").await.status(),
        403
    );
    let unsigned = good.split('?').next().unwrap();
    assert_eq!(
        send(&world, Method::PUT, unsigned, &[], b"x")
            .await
            .status(),
        403
    );
}

#[tokio::test]
async fn a_browser_may_ask_from_any_page() {
    let world = World::new().await;
    let url = presign(&world, "PUT", "a", &[], Timestamp::now());
    let asked = [
        ("origin", "https://portal.example.org"),
        ("access-control-request-headers", "content-type"),
    ];
    let preflight = send(&world, Method::OPTIONS, &url, &asked, b"").await;
    assert_eq!(preflight.status(), 200);
    assert_eq!(
        preflight.headers()["access-control-allow-headers"],
        "content-type"
    );
    let stored = send(&world, Method::PUT, &url, &asked[..1], b"x").await;
    assert_eq!(stored.headers()["access-control-allow-origin"], "*");
}
