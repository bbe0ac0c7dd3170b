//! Schedule: `expire-uploads`

use std::fs;

use tests::audit::Expected;
use tests::prelude::*;

const BUCKET: &str = "caretrail-files";

fn row() -> Expected {
    audit("expire-uploads", "PROCESS", "FILE").by_system()
}

/// What it did to files, in order.
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

/// Puts an object as if its event had been lost.
fn put_unseen(world: &World, owner: Uuid, id: Uuid, bytes: &[u8]) -> std::path::PathBuf {
    let key = format!("files/{owner}/{id}");
    let path = world.cloud.objects().path("caretrail-files", &key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn state(status: &str, reason: Option<&str>) -> (String, Option<String>) {
    (status.to_owned(), reason.map(str::to_owned))
}

#[tokio::test]
async fn an_upload_that_never_came_expires_and_only_after_its_time() {
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

    // It ended late after all: its event leads to the same state as in time.
    assert_eq!(ada.upload(&upload, files::PDF).await, 200);
    world.cloud.settled().await;
    assert_eq!(world.file_state(late).await, state("AVAILABLE", None));
    world.verify_chains().await;
}

#[tokio::test]
async fn an_upload_whose_event_was_lost_is_processed_as_by_its_event() {
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
async fn what_a_crash_left_half_way_is_taken_up_again() {
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
async fn a_file_whose_object_is_gone_is_offered_no_more() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let kept = world.uploaded(&ada, "image/png", files::PNG).await;
    let lost = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let version = world.file_version(lost).await.unwrap();
    let checked = format!("{BUCKET}/files/{}/{lost}/{version}", ada.user);
    // Another version in its place is no help.
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
    assert!(log.contains("a file without its object"), "{log}");
}

#[tokio::test]
async fn objects_without_a_row_are_reported_and_left() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world.uploaded(&ada, "image/png", files::PNG).await;
    world.expire_uploads().await;
    let log = world.cloud.logs("expire-uploads").lines().join("\n");
    assert!(!log.contains("an object without a row"), "{log}");

    let stray = Uuid::now_v7();
    let path = put_unseen(&world, ada.user, stray, b"nobody's");
    let key = "files/notes.txt";
    fs::write(world.cloud.objects().path("caretrail-files", key), b"x").unwrap();
    world.expire_uploads().await;
    let log = world.cloud.logs("expire-uploads").lines().join("\n");
    assert!(log.contains("an object without a row"), "{log}");
    assert!(log.contains(&stray.to_string()), "{log}");
    assert!(log.contains("objects that are no file's"), "{log}");
    assert!(path.exists());
}

#[tokio::test]
async fn a_deleted_file_is_neither_processed_nor_expired_and_its_object_stays() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    world
        .sql(
            "update file_metadata set is_archived = true, archived_at = now() where id = $1",
            &[&id],
        )
        .await;
    // GuardDuty's tag, as it looks like on AWS.
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
async fn a_deleted_file_whose_object_is_gone_is_reported_and_keeps_no_other_from_its_tag() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let lost = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let kept = world.uploaded(&ada, "image/png", files::PNG).await;
    let archive = "update file_metadata set is_archived = true, archived_at = now() where id = $1";
    for id in [lost, kept] {
        world.sql(archive, &[&id]).await;
    }
    let key = |id| format!("files/{}/{id}", ada.user);
    let objects = world.cloud.objects();
    fs::remove_file(objects.path(BUCKET, &key(lost))).unwrap();
    world.expire_uploads().await;
    let log = world.cloud.logs("expire-uploads").lines().join("\n");
    assert!(log.contains("a file without its object"), "{log}");
    assert!(log.contains(&lost.to_string()), "{log}");
    let tags = objects.tags(BUCKET, &key(kept)).unwrap();
    assert_eq!(tags, [("archived".to_owned(), "true".to_owned())].into());
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
