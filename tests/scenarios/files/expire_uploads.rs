//! Schedule: `expire-uploads`

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use tests::audit::Expected;
use tests::prelude::*;

const BUCKET: &str = "caretrail-files";

fn row() -> Expected {
    audit("expire-uploads", "PROCESS", "FILE").by_system()
}

/// Returns what it did to files, in order.
async fn done(world: &World) -> Vec<Expected> {
    let log = world.audit_log().await;
    log.iter()
        .filter(|row| row.entry.application == "expire-uploads")
        .map(Expected::of)
        .collect()
}

async fn let_it_expire(world: &World, id: Uuid) {
    world
        .sql(
            "update file_metadata set expires_at = now() - interval '11 minutes' where id = $1",
            &[&id],
        )
        .await;
}

/// Writes an object without an event, as if the event had been lost.
fn put_unseen(world: &World, owner: Uuid, id: Uuid, bytes: &[u8]) -> PathBuf {
    let key = format!("files/{owner}/{id}");
    let path = world.cloud.objects().path("caretrail-files", &key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// Deletes files as of this long ago.
async fn deleted(world: &World, ids: &[Uuid], since: &str) {
    let archive = "update file_metadata
         set is_archived = true, archived_at = now() - $2::text::interval where id = any($1)";
    world.sql(archive, &[&ids, &since]).await;
}

/// Returns the names of the tags of a file's current version.
fn tags(world: &World, owner: Uuid, id: Uuid) -> Vec<String> {
    let key = format!("files/{owner}/{id}");
    let tags = world.cloud.objects().tags(BUCKET, &key).unwrap();
    tags.into_keys().collect()
}

fn state(status: &str, reason: Option<&str>) -> (String, Option<String>) {
    (status.to_owned(), reason.map(str::to_owned))
}

#[tokio::test]
async fn an_upload_that_never_arrives_expires_only_after_its_time() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (late, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
    let (fresh, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let_it_expire(&world, late).await;
    world.expire_uploads().await;
    assert_eq!(
        world.file_state(late).await,
        state("EXPIRED", Some("never-uploaded"))
    );
    assert_eq!(world.file_state(fresh).await, state("PENDING", None));
    let expected = row().resource(late).patient(ada.id);
    let expected = expected
        .detail("status", "EXPIRED")
        .detail("status_reason", "never-uploaded")
        .detail("scan", "UNSCANNED");
    assert_eq!(done(&world).await, [expected]);
    world.expire_uploads().await;
    assert_eq!(done(&world).await.len(), 1, "a second run finds nothing");

    // The upload finishes late, and its event leads to the same state as an upload in time.
    assert_eq!(ada.upload(&upload, files::PDF).await, 200);
    world.cloud.settled().await;
    assert_eq!(world.file_state(late).await, state("AVAILABLE", None));
    world.verify_chains().await;
}

#[tokio::test]
async fn an_upload_whose_event_was_lost_is_processed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for (bytes, expected) in [
        (files::PDF, state("AVAILABLE", None)),
        (b"no PDF", state("REJECTED", Some("type-mismatch"))),
    ] {
        let (id, _) = world.announced(&ada, "application/pdf", bytes).await;
        put_unseen(&world, ada.user, id, bytes);
        world.expire_uploads().await;
        assert_eq!(world.file_state(id).await, state("PENDING", None));
        let_it_expire(&world, id).await;
        world.expire_uploads().await;
        assert_eq!(world.file_state(id).await, expected);
    }
    let steps = done(&world).await;
    assert_eq!(steps.len(), 4, "{steps:#?}");
}

#[tokio::test]
async fn work_interrupted_by_a_crash_is_resumed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    put_unseen(&world, ada.user, id, files::PDF);
    let crash =
        "update file_metadata set status = 'SCANNING', upload_date = now() - $2::text::interval
         where id = $1";
    world.sql(crash, &[&id, &"5 minutes"]).await;
    world.expire_uploads().await;
    assert_eq!(world.file_state(id).await.0, "SCANNING", "still being read");
    world.sql(crash, &[&id, &"21 minutes"]).await;
    world.expire_uploads().await;
    assert_eq!(world.file_state(id).await, state("AVAILABLE", None));
}

#[tokio::test]
async fn a_file_without_its_object_is_no_longer_available() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let kept = world.uploaded(&ada, "image/png", files::PNG).await;
    let lost = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let version = world.file_version(lost).await.unwrap();
    let checked = format!("{BUCKET}/files/{}/{lost}/{version}", ada.user);
    // Another version of the object doesn't replace the missing one.
    world.put_unseen(ada.user, lost, files::PDF);
    fs::remove_file(world.cloud.objects().path(".versions", &checked)).unwrap();
    world.expire_uploads().await;
    assert_eq!(
        world.file_state(lost).await,
        state("QUARANTINED", Some("object-missing"))
    );
    assert_eq!(world.file_state(kept).await, state("AVAILABLE", None));
    let answer = ada.get(&format!("/v1/files/{lost}")).await.expect(200);
    assert_eq!(answer.body["download"], Value::Null);
    let log = world.cloud.logs("expire-uploads").lines().join("\n");
    assert!(
        log.contains("the object of a file is missing from S3"),
        "{log}"
    );
}

#[tokio::test]
async fn objects_without_a_row_are_reported_and_kept() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world.uploaded(&ada, "image/png", files::PNG).await;
    world.expire_uploads().await;
    let log = world.cloud.logs("expire-uploads").lines().join("\n");
    assert!(!log.contains("an object in S3 has no row"), "{log}");

    let stray = Uuid::now_v7();
    let path = put_unseen(&world, ada.user, stray, b"nobody's");
    let key = "files/notes.txt";
    fs::write(world.cloud.objects().path("caretrail-files", key), b"x").unwrap();
    world.expire_uploads().await;
    let log = world.cloud.logs("expire-uploads").lines().join("\n");
    assert!(log.contains("an object in S3 has no row"), "{log}");
    assert!(log.contains(&stray.to_string()), "{log}");
    assert!(
        log.contains("objects in S3 have keys that name no file"),
        "{log}"
    );
    assert!(path.exists());
}

#[tokio::test]
async fn a_deleted_file_is_neither_processed_nor_expired_and_its_object_stays() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    deleted(&world, &[id], "50 minutes").await;
    world.expire_uploads().await;
    assert_eq!(
        tags(&world, ada.user, id),
        [""; 0],
        "a scanner may write its own"
    );
    deleted(&world, &[id], "61 minutes").await;
    // This is GuardDuty's tag, as on AWS.
    let key = format!("files/{}/{id}", ada.user);
    let objects = world.cloud.objects();
    let scan = ("GuardDutyMalwareScanStatus", "NO_THREATS_FOUND");
    objects.tag(BUCKET, &key, scan.0, scan.1).unwrap();
    world.expire_uploads().await;
    assert!(objects.path(BUCKET, &key).exists());
    let tags = objects.tags(BUCKET, &key).unwrap();
    let expected = [scan, ("archived", "true")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(tags, expected.into());
    let marked =
        "select status, tagged_at > archived_at as is_tagged from file_metadata where id = $1";
    assert_eq!(
        world.row(marked, &[&id]).await,
        json!({"status": "AVAILABLE", "is_tagged": true})
    );
    let expected = row().resource(id).patient(ada.id).detail("tag", "archived");
    assert_eq!(done(&world).await, std::slice::from_ref(&expected));
    world.expire_uploads().await;
    assert_eq!(done(&world).await, [expected], "a second run finds nothing");
    world.verify_chains().await;
}

#[tokio::test]
async fn a_deleted_file_without_its_object_is_reported_and_others_are_still_tagged() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let lost = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let kept = world.uploaded(&ada, "image/png", files::PNG).await;
    deleted(&world, &[lost, kept], "61 minutes").await;
    let version = world.file_version(lost).await.unwrap();
    let checked = format!("{BUCKET}/files/{}/{lost}/{version}", ada.user);
    fs::remove_file(world.cloud.objects().path(".versions", &checked)).unwrap();
    world.expire_uploads().await;
    let log = world.cloud.logs("expire-uploads").lines().join("\n");
    assert!(
        log.contains("the object of a file is missing from S3"),
        "{log}"
    );
    assert!(log.contains(&lost.to_string()), "{log}");
    assert_eq!(tags(&world, ada.user, kept), ["archived"]);
    let missing = row().resource(lost).patient(ada.id);
    let missing = missing
        .detail("status", "QUARANTINED")
        .detail("status_reason", "object-missing")
        .detail("scan", "UNSCANNED");
    let tagged = row()
        .resource(kept)
        .patient(ada.id)
        .detail("tag", "archived");
    let expected = [missing, tagged];
    assert_eq!(done(&world).await, expected);
    world.expire_uploads().await;
    assert_eq!(done(&world).await, expected, "reported once");
}

#[tokio::test]
async fn the_inspected_version_of_a_deleted_file_is_tagged() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    world.put_unseen(ada.user, id, b"put over it");
    deleted(&world, &[id], "61 minutes").await;
    world.expire_uploads().await;
    assert_eq!(tags(&world, ada.user, id), [""; 0]);
    let version = world.file_version(id).await.unwrap();
    let former = format!("{BUCKET}/files/{}/{id}/{version}.tags", ada.user);
    let former = fs::read(world.cloud.objects().path(".versions", &former)).unwrap();
    assert_eq!(former, b"{\"archived\":\"true\"}");
}

#[tokio::test]
async fn a_late_object_without_event_is_processed_or_tagged_if_deleted() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (late, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let (never, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let (dropped, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    for id in [late, never] {
        let_it_expire(&world, id).await;
    }
    world.expire_uploads().await;
    deleted(&world, &[dropped], "1 minute").await;
    put_unseen(&world, ada.user, late, files::PDF);
    put_unseen(&world, ada.user, dropped, files::PDF);
    world.expire_uploads().await;
    assert_eq!(world.file_state(late).await, state("AVAILABLE", None));
    assert_eq!(
        world.file_state(never).await,
        state("EXPIRED", Some("never-uploaded"))
    );
    assert_eq!(
        tags(&world, ada.user, dropped),
        [""; 0],
        "it may be scanned"
    );

    deleted(&world, &[dropped], "61 minutes").await;
    world
        .sql(
            "update file_metadata set expires_at = now() - interval '61 minutes'",
            &[],
        )
        .await;
    world.expire_uploads().await;
    assert_eq!(tags(&world, ada.user, dropped), ["archived"]);
    assert_eq!(world.file_state(dropped).await, state("PENDING", None));
    let steps = done(&world).await;
    let tagged = row()
        .resource(dropped)
        .patient(ada.id)
        .detail("tag", "archived");
    assert_eq!(steps.last(), Some(&tagged));
    world.expire_uploads().await;
    assert_eq!(done(&world).await, steps, "a further run finds nothing");
    world.verify_chains().await;
}

/// Returns the files that the local S3 keeps in addition to the bytes of each object.
fn descriptions(world: &World) -> BTreeSet<PathBuf> {
    let folder = world.cloud.objects().path(".versions", "");
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn an_error_for_one_object_does_not_stop_the_others() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let lost = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let before = descriptions(&world);
    // The newest object is examined first.
    let broken = world.uploaded(&ada, "image/png", files::PNG).await;
    for description in descriptions(&world).difference(&before) {
        fs::write(description, "no JSON").unwrap();
    }
    let version = world.file_version(lost).await.unwrap();
    let checked = format!("{BUCKET}/files/{}/{lost}/{version}", ada.user);
    fs::remove_file(world.cloud.objects().path(".versions", &checked)).unwrap();
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    let failure = world.cloud.invoke("expire-uploads", &schedule).await;
    let failure = failure.unwrap_err().to_string();
    assert!(failure.contains("unavailable"), "{failure}");
    assert_eq!(
        world.file_state(lost).await,
        state("QUARANTINED", Some("object-missing"))
    );
    assert_eq!(world.file_state(broken).await, state("AVAILABLE", None));
}
