//! S3 by presigned URLs, as browsers use it. Signed by hand here: the SDK is the functions' business.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, Request, Response};
use http_body_util::Full;
use local_cloud::cloud::FILES_BUCKET;
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
    signed_at: DateTime<Utc>,
) -> String {
    presign_with(world, method, key, &[], headers, signed_at)
}

/// The same with more in the query.
fn presign_with(
    world: &World,
    method: &str,
    key: &str,
    parameters: &[(&str, &str)],
    headers: &[(&str, &str)],
    signed_at: DateTime<Utc>,
) -> String {
    let endpoint = world.cloud.objects().url();
    let credentials = world.cloud.credentials();
    let host = endpoint.strip_prefix("http://").unwrap();
    let time = signed_at.format("%Y%m%dT%H%M%SZ").to_string();
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
    let credential = format!("{}/{scope}", credentials.access_key);
    let mut query: Vec<_> = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &time),
        ("X-Amz-Expires", "300"),
        ("X-Amz-SignedHeaders", &names),
    ]
    .into_iter()
    .chain(parameters.iter().copied())
    .map(|(name, value)| format!("{name}={}", encode(value)))
    .collect();
    query.sort_unstable();
    let query = query.join("&");
    let key: Vec<_> = key.split('/').map(encode).collect();
    let path = format!("/{FILES_BUCKET}/{}", key.join("/"))
        .trim_end_matches('/')
        .to_owned();
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
    body: impl AsRef<[u8]>,
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world
        .client
        .send_request(
            request
                .body(Full::new(Bytes::copy_from_slice(body.as_ref())))
                .unwrap(),
        )
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
    let url = presign(&world, "PUT", "a/file (1).pdf", &headers, Utc::now());
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

    let url = presign(&world, "GET", "a/file (1).pdf", &[], Utc::now());
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
    let url = presign(&world, "PUT", "a", &headers, Utc::now());
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
        Utc::now(),
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
    let good = presign(&world, "PUT", "a", &[], Utc::now());
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
        Utc::now() - TimeDelta::seconds(301),
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

/// Sends a request signed by its URL, with more in the query than the key.
async fn ask(
    world: &World,
    method: Method,
    key: &str,
    parameters: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Response<Bytes> {
    let now = Utc::now();
    let url = presign_with(world, method.as_str(), key, parameters, &[], now);
    send(world, method, &url, &[], body).await
}

/// What stands between the first `<name>` and its end.
fn element<'a>(body: &'a str, name: &str) -> &'a str {
    let (_, rest) = body
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("{body}"));
    rest.split_once('<').unwrap().0
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// Puts an object, and tells its version.
async fn put(world: &World, key: &str, content: &'static [u8]) -> String {
    let stored = ask(world, Method::PUT, key, &[], content).await;
    assert_eq!(stored.status(), 200, "{}", text(&stored));
    header(&stored, "x-amz-version-id").unwrap().to_owned()
}

#[tokio::test]
async fn a_write_that_must_find_no_object_succeeds_once() {
    let world = World::new().await;
    let condition = [("if-none-match", "*")];
    let url = presign(&world, "PUT", "a/once", &condition, Utc::now());
    let write = |content: &'static [u8]| send(&world, Method::PUT, &url, &condition, content);
    let (one, other, third) = tokio::join!(write(b"one"), write(b"other"), write(b"third"));
    let mut statuses = [&one, &other, &third].map(|answer| answer.status().as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412]);
    let late = write(b"late").await;
    assert_eq!(element(&text(&late), "Code"), "PreconditionFailed");
    let without = send(&world, Method::PUT, &url, &[], "bare").await;
    assert_eq!(without.status(), 403, "the header is part of the signature");
}

#[tokio::test]
async fn a_write_that_must_find_a_known_object_replaces_only_that_one() {
    let world = World::new().await;
    let first = ask(&world, Method::PUT, "a/known", &[], "first").await;
    let tag = header(&first, "etag").unwrap().to_owned();
    let condition = [("if-match", tag.as_str())];
    let url = presign(&world, "PUT", "a/known", &condition, Utc::now());
    let write = |content: &'static [u8]| send(&world, Method::PUT, &url, &condition, content);
    let (one, other) = tokio::join!(write(b"one"), write(b"other"));
    let mut statuses = [&one, &other].map(|answer| answer.status().as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);

    let absent = presign(&world, "PUT", "a/absent", &condition, Utc::now());
    let absent = send(&world, Method::PUT, &absent, &condition, "more").await;
    assert_eq!(element(&text(&absent), "Code"), "NoSuchKey");
}

#[tokio::test]
async fn what_is_written_over_or_deleted_stays_as_a_version() {
    let world = World::new().await;
    let first = put(&world, "a/b", b"first").await;
    let second = put(&world, "a/b", b"second").await;
    assert_ne!(first, second);
    world.cloud.settled().await;
    let told = world.cloud.logs("on-upload").lines().join("\n");
    for version in [&first, &second] {
        assert!(
            told.contains(&format!("\"versionId\":\"{version}\"")),
            "{told}"
        );
    }

    let current = ask(&world, Method::GET, "a/b", &[], "").await;
    assert_eq!(current.body(), "second");
    assert_eq!(header(&current, "x-amz-version-id"), Some(second.as_str()));
    let former = ask(&world, Method::GET, "a/b", &[("versionId", &first)], "").await;
    assert_eq!(former.body(), "first");
    let length = ask(&world, Method::HEAD, "a/b", &[("versionId", &first)], "").await;
    assert_eq!(header(&length, "content-length"), Some("5"));

    let deleted = ask(&world, Method::DELETE, "a/b", &[], "").await;
    assert_eq!(deleted.status(), 204);
    assert_eq!(header(&deleted, "x-amz-delete-marker"), Some("true"));
    let marker = header(&deleted, "x-amz-version-id").unwrap();
    assert_eq!(ask(&world, Method::GET, "a/b", &[], "").await.status(), 404);
    assert_eq!(
        ask(&world, Method::HEAD, "a/b", &[], "").await.status(),
        404
    );
    let of_marker = ask(&world, Method::GET, "a/b", &[("versionId", marker)], "").await;
    assert_eq!(of_marker.status(), 405);
    let former = ask(&world, Method::GET, "a/b", &[("versionId", &second)], "").await;
    assert_eq!(former.body(), "second");
    let listed = text(
        &ask(
            &world,
            Method::GET,
            "",
            &[("prefix", "a/"), ("versions", "")],
            "",
        )
        .await,
    );
    for id in [&first, &second, marker] {
        assert!(
            listed.contains(&format!("<VersionId>{id}</VersionId>")),
            "{listed}"
        );
    }
    assert!(listed.contains("<DeleteMarker>"), "{listed}");

    // Without its marker it is there again; without a version, for good, the one before.
    for (gone, left) in [(marker, "second"), (&second, "first")] {
        let removed = ask(&world, Method::DELETE, "a/b", &[("versionId", gone)], "").await;
        assert_eq!(removed.status(), 204);
        assert_eq!(ask(&world, Method::GET, "a/b", &[], "").await.body(), left);
    }
    let gone = ask(&world, Method::GET, "a/b", &[("versionId", &second)], "").await;
    assert_eq!(
        (
            gone.status().as_u16(),
            text(&gone).contains("NoSuchVersion")
        ),
        (404, true)
    );
}

#[tokio::test]
async fn what_was_put_on_disk_is_a_version_too() {
    let world = World::new().await;
    let path = world.cloud.objects().path(FILES_BUCKET, "a");
    std::fs::write(&path, "by hand").unwrap();
    let found = ask(&world, Method::GET, "a", &[], "").await;
    assert_eq!(found.body(), "by hand");
    let version = header(&found, "x-amz-version-id").unwrap();
    put(&world, "a", b"over it").await;
    let former = ask(&world, Method::GET, "a", &[("versionId", version)], "").await;
    assert_eq!(former.body(), "by hand");
    std::fs::remove_file(path).unwrap();
    assert_eq!(ask(&world, Method::HEAD, "a", &[], "").await.status(), 404);
}

#[tokio::test]
async fn an_entity_tag_is_computed_once() {
    let world = World::new().await;
    let path = world.cloud.objects().path(FILES_BUCKET, "a");
    std::fs::write(&path, "by hand").unwrap();
    put(&world, "b", b"by request").await;
    for key in ["a", "b"] {
        let first = ask(&world, Method::HEAD, key, &[], "").await;
        // Nobody may change it like this; who would read it again would see it.
        let path = world.cloud.objects().path(FILES_BUCKET, key);
        std::fs::write(path, "otherwise").unwrap();
        for method in [Method::HEAD, Method::GET] {
            let again = ask(&world, method, key, &[], "").await;
            assert_eq!(header(&first, "etag"), header(&again, "etag"), "{key}");
        }
    }
}

#[tokio::test]
async fn an_object_is_read_only_as_the_one_that_is_meant() {
    let world = World::new().await;
    put(&world, "a", b"first").await;
    let url = presign(&world, "GET", "a", &[], Utc::now());
    let first = send(&world, Method::GET, &url, &[], "").await;
    let tag = header(&first, "etag").unwrap();
    put(&world, "a", b"second").await;
    let refused = send(&world, Method::GET, &url, &[("if-match", tag)], "").await;
    assert_eq!(refused.status(), 412, "{}", text(&refused));
}

fn tagging(pairs: &[(&str, &str)]) -> String {
    let tags: String = pairs
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
        .collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

#[tokio::test]
async fn tags_belong_to_a_version_and_are_replaced_as_a_whole() {
    let world = World::new().await;
    let tags = [("tagging", "")];
    let none = ask(
        &world,
        Method::PUT,
        "a",
        &tags,
        tagging(&[("archived", "true")]),
    )
    .await;
    assert_eq!(
        (none.status().as_u16(), element(&text(&none), "Code")),
        (404, "NoSuchKey")
    );

    let first = put(&world, "a", b"first").await;
    for pairs in [
        &[("scan", "clean"), ("x", "y")][..],
        &[("archived", "true")],
    ] {
        let stored = ask(&world, Method::PUT, "a", &tags, tagging(pairs)).await;
        assert_eq!(stored.status(), 200, "{}", text(&stored));
    }
    let read = text(&ask(&world, Method::GET, "a", &tags, "").await);
    assert_eq!(
        (element(&read, "Key"), element(&read, "Value")),
        ("archived", "true")
    );
    assert_eq!(read.matches("<Tag>").count(), 1, "{read}");

    put(&world, "a", b"second").await;
    let read = text(&ask(&world, Method::GET, "a", &tags, "").await);
    assert_eq!(read.matches("<Tag>").count(), 0, "{read}");
    let of_first = [("tagging", ""), ("versionId", first.as_str())];
    let read = text(&ask(&world, Method::GET, "a", &of_first, "").await);
    assert_eq!(element(&read, "Key"), "archived");
    let removed = ask(&world, Method::DELETE, "a", &of_first, "").await;
    assert_eq!(removed.status(), 204);
    let read = text(&ask(&world, Method::GET, "a", &of_first, "").await);
    assert_eq!(read.matches("<Tag>").count(), 0, "{read}");
    let twice = tagging(&[("same", "1"), ("same", "2")]);
    let refused = ask(&world, Method::PUT, "a", &tags, twice).await;
    assert_eq!(
        (refused.status().as_u16(), element(&text(&refused), "Code")),
        (400, "InvalidTag")
    );
}

const PART: usize = 5 * 1024 * 1024;

async fn begin(world: &World, key: &str) -> String {
    let begun = ask(world, Method::POST, key, &[("uploads", "")], "").await;
    assert_eq!(begun.status(), 200, "{}", text(&begun));
    element(&text(&begun), "UploadId").to_owned()
}

/// Sends a part on a URL that is signed for its length.
async fn send_part(
    world: &World,
    upload: &str,
    number: &str,
    signed: usize,
    part: Vec<u8>,
) -> Response<Bytes> {
    let parameters = [("partNumber", number), ("uploadId", upload)];
    let length = signed.to_string();
    let headers = [("content-length", length.as_str())];
    let url = presign_with(world, "PUT", "a/parts", &parameters, &headers, Utc::now());
    send(world, Method::PUT, &url, &[], part).await
}

fn completion(parts: &[(i32, &str)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(number, tag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        })
        .collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

#[tokio::test]
async fn parts_on_signed_urls_become_one_object_and_one_event() {
    let world = World::new().await;
    let upload = begin(&world, "a/parts").await;
    let of_upload = [("uploadId", upload.as_str())];
    let listed = text(&ask(&world, Method::GET, "", &[("uploads", "")], "").await);
    assert_eq!(
        (element(&listed, "Key"), element(&listed, "UploadId")),
        ("a/parts", upload.as_str())
    );

    // The last one first, and the first one twice.
    let last = send_part(&world, &upload, "2", 3, b"end".to_vec()).await;
    assert_eq!(last.status(), 200, "{}", text(&last));
    let other = send_part(&world, &upload, "1", PART, vec![b'x'; PART]).await;
    let first = send_part(&world, &upload, "1", PART, vec![b'1'; PART]).await;
    let (other, first, last) = [&other, &first, &last]
        .map(|part| header(part, "etag").unwrap())
        .into();
    let wrong = send_part(&world, &upload, "3", 4, b"more than 4".to_vec()).await;
    assert_eq!(wrong.status(), 403, "another length than the signed one");

    let listed = text(&ask(&world, Method::GET, "a/parts", &of_upload, "").await);
    assert_eq!(listed.matches("<Part>").count(), 2, "{listed}");
    assert_eq!(
        (element(&listed, "PartNumber"), element(&listed, "Size")),
        ("1", "5242880")
    );
    assert_eq!(element(&listed, "ETag").replace("&quot;", "\""), first);
    let page = [("max-parts", "1"), ("uploadId", upload.as_str())];
    let page = text(&ask(&world, Method::GET, "a/parts", &page, "").await);
    assert_eq!(
        (
            page.matches("<Part>").count(),
            element(&page, "IsTruncated")
        ),
        (1, "true")
    );

    for (parts, code) in [
        (vec![], "MalformedXML"),
        (vec![(1, other), (2, last)], "InvalidPart"),
        (vec![(1, first), (3, last)], "InvalidPart"),
        (vec![(2, last), (1, first)], "InvalidPartOrder"),
    ] {
        let refused = ask(
            &world,
            Method::POST,
            "a/parts",
            &of_upload,
            completion(&parts),
        )
        .await;
        assert_eq!(
            (refused.status().as_u16(), element(&text(&refused), "Code")),
            (400, code)
        );
    }
    let elsewhere = ask(
        &world,
        Method::POST,
        "other",
        &of_upload,
        completion(&[(1, first)]),
    )
    .await;
    assert_eq!(element(&text(&elsewhere), "Code"), "NoSuchUpload");
    assert_eq!(
        ask(&world, Method::HEAD, "a/parts", &[], "").await.status(),
        404
    );

    // Two at once make one object.
    let parts = completion(&[(1, first), (2, last)]);
    let complete = || ask(&world, Method::POST, "a/parts", &of_upload, parts.clone());
    let (one, two) = tokio::join!(complete(), complete());
    let statuses = [one.status().as_u16(), two.status().as_u16()];
    assert!(
        statuses == [200, 404] || statuses == [404, 200],
        "{statuses:?}"
    );
    let done = if one.status() == 200 { one } else { two };
    let version = header(&done, "x-amz-version-id").unwrap();
    assert_eq!(element(&text(&done), "Key"), "a/parts");

    let read = ask(&world, Method::GET, "a/parts", &[], "").await;
    assert_eq!(header(&read, "x-amz-version-id"), Some(version));
    assert!(header(&read, "etag").unwrap().ends_with("-2\""));
    assert_eq!(read.body().len(), PART + 3);
    assert!(read.body().starts_with(b"111") && read.body().ends_with(b"1end"));
    world.cloud.settled().await;
    let told = world.cloud.logs("on-upload").lines();
    let told: Vec<_> = told.iter().filter(|line| line.contains("about")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(version) && told[0].contains("5242883"),
        "{told:?}"
    );
    let after = ask(&world, Method::GET, "a/parts", &of_upload, "").await;
    assert_eq!(element(&text(&after), "Code"), "NoSuchUpload");
}

#[tokio::test]
async fn a_small_part_before_the_last_is_refused_and_may_be_mended() {
    let world = World::new().await;
    let upload = begin(&world, "a/parts").await;
    let of_upload = [("uploadId", upload.as_str())];
    let small = send_part(&world, &upload, "1", 3, b"one".to_vec()).await;
    let last = send_part(&world, &upload, "2", 3, b"two".to_vec()).await;
    let last = header(&last, "etag").unwrap();
    let parts = completion(&[(1, header(&small, "etag").unwrap()), (2, last)]);
    let refused = ask(&world, Method::POST, "a/parts", &of_upload, parts).await;
    assert_eq!(element(&text(&refused), "Code"), "EntityTooSmall");
    let large = send_part(&world, &upload, "1", PART, vec![0; PART]).await;
    let parts = completion(&[(1, header(&large, "etag").unwrap()), (2, last)]);
    let done = ask(&world, Method::POST, "a/parts", &of_upload, parts).await;
    assert_eq!(done.status(), 200, "{}", text(&done));
}

#[tokio::test]
async fn an_upload_given_up_leaves_nothing() {
    let world = World::new().await;
    let upload = begin(&world, "a/parts").await;
    let of_upload = [("uploadId", upload.as_str())];
    let part = send_part(&world, &upload, "1", 3, b"one".to_vec()).await;
    let parts = completion(&[(1, header(&part, "etag").unwrap())]);
    let given_up = ask(&world, Method::DELETE, "a/parts", &of_upload, "").await;
    assert_eq!(given_up.status(), 204);
    let listed = text(&ask(&world, Method::GET, "", &[("uploads", "")], "").await);
    assert!(!listed.contains("<Upload>"), "{listed}");
    let late = send_part(&world, &upload, "1", 3, b"one".to_vec()).await;
    let complete = ask(&world, Method::POST, "a/parts", &of_upload, parts).await;
    let twice = ask(&world, Method::DELETE, "a/parts", &of_upload, "").await;
    for refused in [late, complete, twice] {
        assert_eq!(
            (refused.status().as_u16(), element(&text(&refused), "Code")),
            (404, "NoSuchUpload")
        );
    }
    let left = std::fs::read_dir(world.folder.path().join("data/s3/.versions")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains(&upload)),
        "{left:?}"
    );
}

const PAGE: &str = "https://portal.example.org";

#[tokio::test]
async fn a_page_of_the_allowed_origin_may_use_a_signed_url_and_no_other_page() {
    let world = World::with(|settings| settings.allowed_origin = PAGE.into()).await;
    let url = presign(&world, "PUT", "a", &[], Utc::now());
    let asked = |origin, method, headers| {
        [
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", headers),
        ]
    };
    let wanted = asked(PAGE, "PUT", "content-type,x-amz-checksum-sha256");
    let preflight = send(&world, Method::OPTIONS, &url, &wanted, "").await;
    assert_eq!(preflight.status(), 200);
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "GET, PUT"),
        (
            "access-control-allow-headers",
            "content-type, x-amz-checksum-sha256",
        ),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(header(&preflight, name), Some(value));
    }
    for other in [
        asked("https://elsewhere.example.org", "PUT", "content-type"),
        asked(PAGE, "DELETE", "content-type"),
        asked(PAGE, "PUT", "x-amz-meta-note"),
    ] {
        let refused = send(&world, Method::OPTIONS, &url, &other, "").await;
        assert_eq!(refused.status(), 403, "{other:?}");
        assert_eq!(header(&refused, "access-control-allow-origin"), None);
    }

    // The answer is hidden from another page, a refusal told to the right one.
    for (origin, body, told) in [
        (PAGE, "x", Some(PAGE)),
        ("https://elsewhere.example.org", "x", None),
    ] {
        let stored = send(&world, Method::PUT, &url, &[("origin", origin)], body).await;
        assert_eq!(header(&stored, "access-control-allow-origin"), told);
        let refused = send(
            &world,
            Method::PUT,
            &url.replace("/a?", "/b?"),
            &[("origin", origin)],
            body,
        )
        .await;
        assert_eq!(refused.status(), 403);
        assert_eq!(header(&refused, "access-control-allow-origin"), told);
    }
}
