//! The bucket of the sealed audit log, as the sealer and an intruder use it: with the AWS SDK.

use std::collections::BTreeSet;
use std::fs;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    CompletedMultipartUpload, CompletedPart, ObjectLockEnabled, ObjectLockLegalHold,
    ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode,
};
use aws_smithy_http_client::Builder;
use local_cloud::cloud::{AUDIT_BUCKET, FILES_BUCKET};
use tokio::task::JoinSet;

use crate::world::World;

const YEAR: u64 = 365 * 24 * 60 * 60;

fn client(world: &World) -> Client {
    client_with(world, RequestChecksumCalculation::WhenSupported)
}

fn client_with(world: &World, checksums: RequestChecksumCalculation) -> Client {
    let keys = world.cloud.credentials();
    let credentials = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "test");
    let settings = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(world.cloud.objects().url())
        .force_path_style(true)
        .request_checksum_calculation(checksums)
        .http_client(Builder::new().build_http())
        .build();
    Client::from_conf(settings)
}

fn body(content: impl AsRef<[u8]>) -> ByteStream {
    ByteStream::from(content.as_ref().to_vec())
}

fn in_years(years: u64) -> DateTime {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    DateTime::from_secs((now + years * YEAR) as i64)
}

/// The status and the code of an answer that is no success.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    answer: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = answer.unwrap_err();
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    (
        status.unwrap_or_default(),
        error.code().unwrap_or_default().to_owned(),
    )
}

fn denied() -> (u16, String) {
    (403, "AccessDenied".to_owned())
}

/// Writes a version and returns its id.
async fn put(client: &Client, key: &str, content: &str) -> String {
    let put = client.put_object().bucket(AUDIT_BUCKET).key(key);
    let put = put.body(body(content)).send().await.unwrap();
    put.version_id().unwrap().to_owned()
}

/// Writes a version that is locked for this many years, and returns its id.
async fn put_locked(client: &Client, key: &str, mode: ObjectLockMode, years: u64) -> String {
    let put = client
        .put_object()
        .bucket(AUDIT_BUCKET)
        .key(key)
        .body(body("sealed"))
        .object_lock_mode(mode)
        .object_lock_retain_until_date(in_years(years))
        .send()
        .await
        .unwrap();
    put.version_id().unwrap().to_owned()
}

/// Keys, ids and kinds of all versions, page by page.
async fn versions(client: &Client, prefix: &str, page: i32) -> Vec<(String, String, bool)> {
    let mut all = Vec::new();
    let (mut key, mut version) = (None, None);
    loop {
        let listed = client
            .list_object_versions()
            .bucket(AUDIT_BUCKET)
            .prefix(prefix)
            .max_keys(page)
            .set_key_marker(key)
            .set_version_id_marker(version)
            .send()
            .await
            .unwrap();
        let found = listed.versions().iter().map(|one| {
            let (key, id) = (one.key().unwrap(), one.version_id().unwrap());
            (key.to_owned(), id.to_owned(), false)
        });
        let markers = listed.delete_markers().iter().map(|one| {
            let (key, id) = (one.key().unwrap(), one.version_id().unwrap());
            (key.to_owned(), id.to_owned(), true)
        });
        let mut found: Vec<_> = found.chain(markers).collect();
        assert!(found.len() <= page as usize);
        // S3 lists by key, and the newest version of a key first.
        found.sort_by(|left, right| (&left.0, &right.1).cmp(&(&right.0, &left.1)));
        all.extend(found);
        if listed.is_truncated() != Some(true) {
            return all;
        }
        key = Some(listed.next_key_marker().unwrap().to_owned());
        version = Some(listed.next_version_id_marker().unwrap().to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_of_an_absent_object_one_wins_and_no_other_is_ever_seen() {
    const WRITERS: usize = 12;
    let world = World::new().await;
    let client = client(&world);
    for round in 0..8 {
        let key = format!("batch/{round}");
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let put = client
                .put_object()
                .bucket(AUDIT_BUCKET)
                .key(&key)
                .if_none_match("*")
                .body(body(format!("of {writer}")));
            writers.spawn(async move { (writer, put.send().await) });
        }
        let mut won = Vec::new();
        while let Some(ended) = writers.join_next().await {
            let (writer, answer) = ended.unwrap();
            match answer {
                Ok(put) => won.push((writer, put.version_id().unwrap().to_owned())),
                refused => {
                    let expected = (412, "PreconditionFailed".to_owned());
                    assert_eq!(refusal(refused), expected);
                }
            }
            // No version of a writer that lost is seen, not even for a while.
            assert!(versions(&client, &key, 100).await.len() <= 1);
        }
        assert_eq!(won.len(), 1, "round {round}");
        let (winner, version) = won.remove(0);
        let all = versions(&client, &key, 100).await;
        assert_eq!(all, [(key.clone(), version, false)]);
        let object = client.get_object().bucket(AUDIT_BUCKET).key(&key);
        let object = object.send().await.unwrap().body.collect().await.unwrap();
        assert_eq!(object.to_vec(), format!("of {winner}").into_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uploads_in_parts_to_an_absent_object_one_wins() {
    let world = World::new().await;
    let client = client(&world);
    let key = "archive/2026-01";
    let mut uploads = Vec::new();
    for _ in 0..4 {
        let begun = client
            .create_multipart_upload()
            .bucket(AUDIT_BUCKET)
            .key(key);
        let begun = begun.object_lock_mode(ObjectLockMode::Compliance);
        let begun = begun.object_lock_retain_until_date(in_years(6));
        let upload = begun.send().await.unwrap().upload_id().unwrap().to_owned();
        let part = client.upload_part().bucket(AUDIT_BUCKET).key(key);
        let part = part.upload_id(&upload).part_number(1).body(body("rows"));
        let part = part.send().await.unwrap();
        let part = CompletedPart::builder()
            .part_number(1)
            .e_tag(part.e_tag().unwrap())
            .build();
        uploads.push((
            upload,
            CompletedMultipartUpload::builder().parts(part).build(),
        ));
    }
    let mut writers = JoinSet::new();
    for (upload, parts) in uploads {
        let complete = client
            .complete_multipart_upload()
            .bucket(AUDIT_BUCKET)
            .key(key)
            .upload_id(upload)
            .multipart_upload(parts)
            .if_none_match("*");
        writers.spawn(complete.send());
    }
    let (mut won, mut lost) = (0, 0);
    for answer in writers.join_all().await {
        match answer {
            Ok(_) => won += 1,
            refused => {
                let (status, code) = refusal(refused);
                assert!(matches!(status, 409 | 412), "{status} {code}");
                lost += 1;
            }
        }
    }
    assert_eq!((won, lost), (1, 3));
    let all = versions(&client, key, 100).await;
    assert_eq!(all.len(), 1);
    let head = client.head_object().bucket(AUDIT_BUCKET).key(key).send();
    let mode = head.await.unwrap().object_lock_mode().cloned();
    assert_eq!(mode, Some(ObjectLockMode::Compliance));
}

#[tokio::test]
async fn a_deleted_object_counts_as_absent() {
    let world = World::new().await;
    let client = client(&world);
    let first = put(&client, "batch/1", "first").await;
    let write = || {
        let write = client.put_object().bucket(AUDIT_BUCKET).key("batch/1");
        write.if_none_match("*").body(body("second")).send()
    };
    assert_eq!(refusal(write().await).0, 412);
    let delete = client.delete_object().bucket(AUDIT_BUCKET).key("batch/1");
    let marker = delete.send().await.unwrap();
    assert_eq!(marker.delete_marker(), Some(true));
    write().await.unwrap();
    let all = versions(&client, "batch/", 100).await;
    let kinds: Vec<_> = all.iter().map(|(_, _, is_marker)| *is_marker).collect();
    assert_eq!(kinds, [false, true, false], "the marker stays to be seen");
    assert_eq!(all[2].1, first);
}

#[tokio::test]
async fn nobody_deletes_or_shortens_what_is_locked_in_compliance_mode() {
    let world = World::new().await;
    let client = client(&world);
    let key = "batch/1";
    let version = put_locked(&client, key, ObjectLockMode::Compliance, 6).await;
    let head = client.head_object().bucket(AUDIT_BUCKET).key(key);
    let head = head.send().await.unwrap();
    assert_eq!(head.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    let until = *head.object_lock_retain_until_date().unwrap();
    assert!(until.secs() > in_years(5).secs());

    let delete = || {
        let delete = client.delete_object().bucket(AUDIT_BUCKET).key(key);
        delete.version_id(&version)
    };
    assert_eq!(refusal(delete().send().await), denied());
    let bypassing = delete().bypass_governance_retention(true);
    assert_eq!(refusal(bypassing.send().await), denied());
    let retain = |mode, until| {
        let retention = ObjectLockRetention::builder();
        let retention = retention.mode(mode).retain_until_date(until).build();
        let retain = client.put_object_retention().bucket(AUDIT_BUCKET).key(key);
        retain
            .version_id(&version)
            .retention(retention)
            .bypass_governance_retention(true)
    };
    let compliance = ObjectLockRetentionMode::Compliance;
    let shorter = retain(compliance.clone(), in_years(5)).send();
    assert_eq!(refusal(shorter.await), denied());
    let weaker = retain(ObjectLockRetentionMode::Governance, in_years(7)).send();
    assert_eq!(refusal(weaker.await), denied());
    let removed = client.put_object_retention().bucket(AUDIT_BUCKET).key(key);
    let removed = removed.retention(ObjectLockRetention::builder().build());
    assert_eq!(refusal(removed.send().await), denied());
    retain(compliance.clone(), in_years(7))
        .send()
        .await
        .unwrap();
    let retention = client.get_object_retention().bucket(AUDIT_BUCKET).key(key);
    let retention = retention.send().await.unwrap().retention.unwrap();
    assert_eq!(retention.mode(), Some(&compliance));
    assert_eq!(
        retention.retain_until_date().unwrap().secs(),
        in_years(7).secs()
    );

    // A write and a delete without a version add to the history and remove nothing of it.
    let second = put(&client, key, "another").await;
    let delete = client.delete_object().bucket(AUDIT_BUCKET).key(key);
    let marker = delete
        .send()
        .await
        .unwrap()
        .version_id()
        .unwrap()
        .to_owned();
    let history = [(&marker, true), (&second, false), (&version, false)];
    let history = history.map(|(id, is_marker)| (key.to_owned(), id.clone(), is_marker));
    assert_eq!(versions(&client, key, 100).await, history);
    let first = client.get_object().bucket(AUDIT_BUCKET).key(key);
    let first = first.version_id(&version).send().await.unwrap();
    assert_eq!(first.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    assert_eq!(first.body.collect().await.unwrap().to_vec(), b"sealed");

    // The lock is still there when the cloud starts again.
    drop(client);
    let world = world.restarted().await;
    let client = self::client(&world);
    let delete = client.delete_object().bucket(AUDIT_BUCKET).key(key);
    assert_eq!(refusal(delete.version_id(&version).send().await), denied());
    let unlocked = client.delete_object().bucket(AUDIT_BUCKET).key(key);
    unlocked.version_id(&second).send().await.unwrap();
}

#[tokio::test]
async fn a_lock_in_governance_mode_gives_way_to_whoever_may_bypass_it() {
    let world = World::new().await;
    let client = client(&world);
    let version = put_locked(&client, "a", ObjectLockMode::Governance, 6).await;
    let shorten = |bypasses| {
        let retention = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Governance)
            .retain_until_date(in_years(1));
        let retain = client.put_object_retention().bucket(AUDIT_BUCKET).key("a");
        let retain = retain.retention(retention.build());
        retain.bypass_governance_retention(bypasses).send()
    };
    assert_eq!(refusal(shorten(false).await), denied());
    shorten(true).await.unwrap();
    let delete = || {
        let delete = client.delete_object().bucket(AUDIT_BUCKET).key("a");
        delete.version_id(&version)
    };
    assert_eq!(refusal(delete().send().await), denied());
    let bypassing = delete().bypass_governance_retention(true);
    bypassing.send().await.unwrap();
    assert!(versions(&client, "a", 100).await.is_empty());
}

#[tokio::test]
async fn a_legal_hold_lasts_until_it_is_taken_off() {
    let world = World::new().await;
    let client = client(&world);
    let version = put(&client, "a", "content").await;
    let held = || client.get_object_legal_hold().bucket(AUDIT_BUCKET).key("a");
    let none = (404, "NoSuchObjectLockConfiguration".to_owned());
    assert_eq!(refusal(held().send().await), none);
    let retention = client.get_object_retention().bucket(AUDIT_BUCKET).key("a");
    assert_eq!(refusal(retention.send().await), none);
    let delete = || {
        let delete = client.delete_object().bucket(AUDIT_BUCKET).key("a");
        delete
            .version_id(&version)
            .bypass_governance_retention(true)
    };
    for (status, deletes) in [
        (ObjectLockLegalHoldStatus::On, false),
        (ObjectLockLegalHoldStatus::Off, true),
    ] {
        let hold = ObjectLockLegalHold::builder()
            .status(status.clone())
            .build();
        let put = client.put_object_legal_hold().bucket(AUDIT_BUCKET).key("a");
        put.legal_hold(hold).send().await.unwrap();
        let hold = held().send().await.unwrap().legal_hold.unwrap();
        assert_eq!(hold.status(), Some(&status));
        assert_eq!(delete().send().await.is_ok(), deletes);
    }
    let put = client
        .put_object()
        .bucket(AUDIT_BUCKET)
        .key("b")
        .body(body("b"));
    let put = put.object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On);
    let version = put.send().await.unwrap().version_id().unwrap().to_owned();
    let delete = client.delete_object().bucket(AUDIT_BUCKET).key("b");
    assert_eq!(refusal(delete.version_id(version).send().await), denied());
}

#[tokio::test]
async fn a_lock_that_is_not_valid_is_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let client = client(&world);
    let put = |bucket: &str| client.put_object().bucket(bucket).key("a").body(body("a"));
    let compliance = ObjectLockMode::Compliance;
    let locked = put(FILES_BUCKET)
        .object_lock_mode(compliance.clone())
        .object_lock_retain_until_date(in_years(6));
    let unfit = (400, "InvalidRequest".to_owned());
    assert_eq!(
        refusal(locked.send().await),
        unfit,
        "the bucket has no Object Lock"
    );
    let retention = client.get_object_retention().bucket(FILES_BUCKET).key("a");
    assert_eq!(refusal(retention.send().await), unfit);
    let configuration = client.get_object_lock_configuration().bucket(FILES_BUCKET);
    let none = (404, "ObjectLockConfigurationNotFoundError".to_owned());
    assert_eq!(refusal(configuration.send().await), none);
    let configuration = client.get_object_lock_configuration().bucket(AUDIT_BUCKET);
    let configuration = configuration.send().await.unwrap();
    let configuration = configuration.object_lock_configuration.unwrap();
    let enabled = configuration.object_lock_enabled();
    assert_eq!(enabled, Some(&ObjectLockEnabled::Enabled));
    assert_eq!(configuration.rule(), None);

    let invalid = (400, "InvalidArgument".to_owned());
    let past = DateTime::from_secs(1_000_000_000);
    for put in [
        put(AUDIT_BUCKET).object_lock_mode(compliance.clone()),
        put(AUDIT_BUCKET).object_lock_retain_until_date(in_years(6)),
        put(AUDIT_BUCKET)
            .object_lock_mode(compliance.clone())
            .object_lock_retain_until_date(past),
        put(AUDIT_BUCKET)
            .object_lock_mode(ObjectLockMode::from("FOREVER"))
            .object_lock_retain_until_date(in_years(6)),
    ] {
        assert_eq!(refusal(put.send().await), invalid);
    }
    let without_checksum = client_with(&world, RequestChecksumCalculation::WhenRequired);
    let put = without_checksum
        .put_object()
        .bucket(AUDIT_BUCKET)
        .key("a")
        .body(body("a"))
        .object_lock_mode(compliance)
        .object_lock_retain_until_date(in_years(6));
    assert_eq!(
        refusal(put.send().await),
        unfit,
        "the content has no checksum"
    );
    assert!(versions(&client, "", 100).await.is_empty());
}

#[tokio::test]
async fn versions_are_listed_page_by_page() {
    let world = World::new().await;
    let client = client(&world);
    for key in ["a/1", "a/2", "a/2.p/3", "b/1"] {
        for content in ["one", "two", "three"] {
            put(&client, key, content).await;
        }
    }
    let delete = client.delete_object().bucket(AUDIT_BUCKET).key("a/2");
    delete.send().await.unwrap();
    let all = versions(&client, "", 1000).await;
    assert_eq!(all.len(), 13);
    assert_eq!(all.iter().filter(|(_, _, is_marker)| *is_marker).count(), 1);
    for page in [1, 2, 5, 12, 13] {
        assert_eq!(versions(&client, "", page).await, all, "{page} on a page");
    }
    let some = versions(&client, "a/2", 2).await;
    let keys: BTreeSet<_> = some.iter().map(|(key, ..)| key.as_str()).collect();
    assert_eq!((some.len(), keys), (7, BTreeSet::from(["a/2", "a/2.p/3"])));
    let marked = client.list_object_versions().bucket(AUDIT_BUCKET);
    let marked = marked.key_marker("a/2.p/3").send().await.unwrap();
    assert_eq!(
        marked.versions().len(),
        3,
        "those of the keys after the marker"
    );
    let latest = marked.versions().iter().map(|one| one.is_latest().unwrap());
    assert_eq!(latest.collect::<Vec<_>>(), [true, false, false]);
    let alone = client.list_object_versions().bucket(AUDIT_BUCKET);
    let alone = alone.version_id_marker("x").send().await;
    assert_eq!(refusal(alone), (400, "InvalidArgument".to_owned()));
}

#[tokio::test]
async fn more_objects_than_a_page_holds_are_listed_from_any_key() {
    const OBJECTS: usize = 2_345;
    let world = World::new().await;
    let client = client(&world);
    let folder = world.cloud.objects().path(AUDIT_BUCKET, "batch");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..OBJECTS {
        fs::write(folder.join(format!("{number:06}")), "x").unwrap();
    }
    let list = async |start: Option<String>, most: Option<i32>| {
        let (mut keys, mut token, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = client
                .list_objects_v2()
                .bucket(AUDIT_BUCKET)
                .prefix("batch/")
                .set_start_after(start.clone())
                .set_max_keys(most)
                .set_continuation_token(token)
                .send()
                .await
                .unwrap();
            assert!(page.contents().len() <= 1000);
            pages += 1;
            keys.extend(
                page.contents()
                    .iter()
                    .map(|one| one.key().unwrap().to_owned()),
            );
            if page.is_truncated() != Some(true) {
                return (keys, pages);
            }
            token = page.next_continuation_token().map(str::to_owned);
        }
    };
    let all: Vec<_> = (0..OBJECTS)
        .map(|number| format!("batch/{number:06}"))
        .collect();
    assert_eq!(list(None, None).await, (all.clone(), 3));
    assert_eq!(list(None, Some(5000)).await, (all.clone(), 3));
    let rest = list(Some("batch/001999".into()), None).await;
    assert_eq!(rest, (all[2000..].to_vec(), 1));
}

#[tokio::test]
async fn an_object_in_the_audit_bucket_starts_no_function_and_is_closed_to_pages() {
    const PAGE: &str = "https://portal.example.org";
    let world = World::with(|settings| settings.allowed_origin = PAGE.into()).await;
    put(&client(&world), "batch/1", "content").await;
    world.cloud.settled().await;
    assert!(world.cloud.logs("on-upload").lines().is_empty());
    for (bucket, status) in [(FILES_BUCKET, 200), (AUDIT_BUCKET, 403)] {
        let request = http::Request::builder()
            .method("OPTIONS")
            .uri(format!("{}/{bucket}/a", world.cloud.objects().url()))
            .header("origin", PAGE)
            .header("access-control-request-method", "PUT")
            .body(http_body_util::Full::default())
            .unwrap();
        let answer = world.client.send_request(request).await.unwrap();
        assert_eq!(answer.status(), status, "{bucket}");
    }
}
