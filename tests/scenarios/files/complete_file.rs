//! `POST /v1/files/{id}/complete`

use tests::audit::Expected;
use tests::passage::Passage;
use tests::prelude::*;

const MIB: usize = 1024 * 1024;

fn row() -> Expected {
    audit("complete-file", "UPDATE", "FILE")
}

/// Creates a world where a text of 12 MiB is sent in parts of 5 MiB.
async fn world() -> World {
    world_with([]).await
}

/// The same with additional environment variables of the functions.
async fn world_with<const MORE: usize>(more: [(&str, &str); MORE]) -> World {
    let parts = [
        ("FILE_SIZE_LIMITS", "text/plain=20"),
        ("FILE_PART_SIZE", "5"),
    ];
    let environment = parts.iter().chain(&more);
    World::with(Setup {
        instances: 2,
        environment: environment
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Setup::default()
    })
    .await
}

fn text() -> Vec<u8> {
    b"Caretrail. ".repeat(12 * MIB / 11 + 1)[..12 * MIB].to_vec()
}

/// Sends the parts with these numbers.
async fn send(ada: &Actor, upload: &Value, text: &[u8], numbers: &[usize]) {
    let parts = upload["parts"].as_array().unwrap();
    for number in numbers {
        let bytes = text.chunks(5 * MIB).nth(number - 1).unwrap();
        assert_eq!(ada.upload(&parts[number - 1], bytes).await, 200, "{number}");
    }
}

async fn complete(caller: &Actor, id: Uuid) -> Answer {
    caller
        .post_nothing(&format!("/v1/files/{id}/complete"))
        .await
}

#[tokio::test]
async fn a_large_file_is_sent_in_parts_and_checked_as_a_whole() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    let parts = upload["parts"].as_array().unwrap();
    let sizes: Vec<_> = parts.iter().map(|part| part["size"].clone()).collect();
    assert_eq!(sizes, [5 * MIB, 5 * MIB, 2 * MIB]);
    assert_eq!(upload.get("url"), None);
    let stored = world
        .row(
            "select part_size, expires_at = $1::text::timestamptz as ends_with_the_urls,
               expires_at > now() + interval '59 minutes' as lives_for_an_hour from file_metadata",
            &[&upload["expires_at"].as_str().unwrap()],
        )
        .await;
    assert_eq!(
        stored,
        json!({"part_size": 5 * MIB, "ends_with_the_urls": true, "lives_for_an_hour": true})
    );

    // The parts are sent out of order, and one is sent twice.
    send(&ada, &upload, &text, &[3, 1, 2, 1]).await;
    assert_eq!(world.file_state(id).await.0, "PENDING");
    let answer = complete(&ada, id).await.expect(200);
    assert_eq!(answer.id(), id);
    assert_eq!(answer.body["status"], "PENDING");
    world
        .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
        .await;
    world.cloud.settled().await;
    assert_eq!(world.file_state(id).await.0, "AVAILABLE");
    assert_eq!(world.open_uploads(), 0);
    let opened = ada.get(&format!("/v1/files/{id}")).await.expect(200);
    let fetched = ada.download(&opened.body["download"]).await;
    assert!(*fetched.body() == text, "other bytes than were sent");

    // The URLs of the parts are still valid, but S3 accepts nothing more.
    let part = &text[..5 * MIB];
    assert_eq!(ada.upload(&parts[0], part).await, 404);
    // A repeated completion answers the current state.
    let again = complete(&ada, id).await.expect(200);
    assert_eq!(again.body["status"], "AVAILABLE");
    world
        .audited(&again, row().by(&ada).resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn a_multipart_file_that_differs_from_its_announcement_is_rejected() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let mut text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    text[7 * MIB] = b'!';
    send(&ada, &upload, &text, &[1, 2, 3]).await;
    complete(&ada, id).await.expect(200);
    world.cloud.settled().await;
    let rejected = ("REJECTED".to_owned(), Some("checksum-mismatch".to_owned()));
    assert_eq!(world.file_state(id).await, rejected);
}

#[tokio::test]
async fn a_missing_part_is_named_and_can_still_be_sent() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    send(&ada, &upload, &text, &[2]).await;
    let answer = complete(&ada, id).await.invalid("parts");
    assert_eq!(
        answer.body["errors"][0]["message"],
        "expected all parts; send these with their full length: 1, 3"
    );
    world
        .audited(
            &answer,
            row()
                .by(&ada)
                .resource(id)
                .patient(ada.id)
                .failed("invalid"),
        )
        .await;
    assert_eq!(world.file_state(id).await.0, "PENDING");
    send(&ada, &upload, &text, &[1, 3]).await;
    complete(&ada, id).await.expect(200);
    world.cloud.settled().await;
    assert_eq!(world.file_state(id).await.0, "AVAILABLE");
}

#[tokio::test]
async fn a_part_repeated_during_completion_is_a_conflict_and_a_retry_succeeds() {
    let passage = Passage::new().await;
    let world = world_with([("S3_ENDPOINT", &passage.url())]).await;
    passage.lead_to(&world.cloud.objects().url());
    let ada = world.patient("Ada").await;
    let (right, mut wrong) = (text(), text());
    wrong[11 * MIB] = b'!';
    let (id, upload) = world.announced(&ada, "text/plain", &right).await;
    send(&ada, &upload, &wrong, &[1, 2, 3]).await;
    passage.hold_post();
    let sent_meanwhile = async {
        passage.holds().await;
        send(&ada, &upload, &right, &[3]).await;
        passage.let_through();
    };
    let (answer, ()) = tokio::join!(complete(&ada, id), sent_meanwhile);
    let answer = answer.problem(409, "conflict");
    let failed = row().by(&ada).resource(id).patient(ada.id);
    world.audited(&answer, failed.failed("conflict")).await;
    assert_eq!(world.file_state(id).await.0, "PENDING");
    complete(&ada, id).await.expect(200);
    world.cloud.settled().await;
    assert_eq!(world.file_state(id).await.0, "AVAILABLE");
}

#[tokio::test]
async fn s3_refuses_a_part_of_another_length() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    send(&ada, &upload, &text, &[1, 2]).await;
    for length in [2 * MIB - 1, 2 * MIB + 1, 0] {
        let status = ada.upload(&upload["parts"][2], &text[..length]).await;
        assert_eq!(status, 403, "{length}");
    }
    let answer = complete(&ada, id).await.invalid("parts");
    assert_eq!(
        answer.body["errors"][0]["message"],
        "expected all parts; send these with their full length: 3"
    );
}

#[tokio::test]
async fn two_concurrent_completions_are_both_answered_and_one_takes_effect() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    send(&ada, &upload, &text, &[1, 2, 3]).await;
    let (one, other) = tokio::join!(complete(&ada, id), complete(&ada, id));
    for answer in [one, other] {
        let answer = answer.expect(200);
        world
            .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
            .await;
    }
    world.cloud.settled().await;
    assert_eq!(world.file_state(id).await.0, "AVAILABLE");
    let log = world.audit_log().await;
    let processed = log
        .iter()
        .filter(|row| row.entry.application == "process-upload");
    assert_eq!(processed.count(), 2, "taken up and concluded once");
}

#[tokio::test]
async fn an_upload_not_completed_in_time_is_aborted_and_expires() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    // All parts are sent, but nobody completes the upload.
    send(&ada, &upload, &text, &[1, 2, 3]).await;
    assert_eq!(world.open_uploads(), 1);
    world.expire_uploads().await;
    assert_eq!(world.file_state(id).await.0, "PENDING", "in time");
    world
        .sql(
            "update file_metadata set expires_at = now() - interval '11 minutes'",
            &[],
        )
        .await;
    world.expire_uploads().await;
    let expired = ("EXPIRED".to_owned(), Some("never-uploaded".to_owned()));
    assert_eq!(world.file_state(id).await, expired);
    assert_eq!(world.open_uploads(), 0, "no parts are left");
    let log = world.audit_log().await;
    let job = audit("expire-uploads", "PROCESS", "FILE").by_system();
    let aborted = job.resource(id).patient(ada.id).detail("upload", "aborted");
    assert!(log.iter().any(|row| Expected::of(row) == aborted));

    let late = complete(&ada, id).await.problem(409, "conflict");
    let failed = row().by(&ada).resource(id).patient(ada.id);
    world.audited(&late, failed.failed("conflict")).await;
    assert_ne!(ada.upload(&upload["parts"][0], &text[..5 * MIB]).await, 200);
}

#[tokio::test]
async fn a_file_deleted_before_completion_leaves_no_parts() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    send(&ada, &upload, &text, &[1]).await;
    let tag = ada.get(&format!("/v1/files/{id}")).await.expect(200);
    let version = tag.body["version"].as_i64().unwrap();
    ada.delete(&format!("/v1/files/{id}"), version)
        .await
        .expect(200);
    complete(&ada, id).await.problem(404, "not-found");
    world.expire_uploads().await;
    assert_eq!(world.open_uploads(), 0);
    let log = world.audit_log().await;
    let job = audit("expire-uploads", "PROCESS", "FILE").by_system();
    let aborted = job.resource(id).patient(ada.id).detail("upload", "aborted");
    let count = || {
        let rows = log.iter().map(Expected::of);
        rows.filter(|row| *row == aborted).count()
    };
    assert_eq!(count(), 1);
}

#[tokio::test]
async fn an_announcement_that_is_not_committed_leaves_no_upload_open() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    // The database refuses the row at the very end, after S3 started the multipart upload.
    world
        .sql(
            "revoke execute on function append_audit(audit_logs) from caretrail_app",
            &[],
        )
        .await;
    let body = announcement("PATIENT", ada.user, "text/plain", &text);
    ada.post("/v1/files", body.clone())
        .await
        .problem(503, "unavailable");
    assert_eq!(world.open_uploads(), 0);
    world
        .sql(
            "grant execute on function append_audit(audit_logs) to caretrail_app",
            &[],
        )
        .await;
    let nothing = world.rows("select id from file_metadata", &[]).await;
    assert!(nothing.is_empty());
    ada.post("/v1/files", body).await.expect(201);
    assert_eq!(world.open_uploads(), 1);
}

#[tokio::test]
async fn a_completion_whose_commit_was_lost_succeeds_when_repeated() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let text = text();
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    send(&ada, &upload, &text, &[1, 2, 3]).await;
    world
        .sql(
            "revoke execute on function append_audit(audit_logs) from caretrail_app",
            &[],
        )
        .await;
    complete(&ada, id).await.problem(503, "unavailable");
    world
        .sql(
            "grant execute on function append_audit(audit_logs) to caretrail_app",
            &[],
        )
        .await;
    complete(&ada, id).await.expect(200);
}

#[tokio::test]
async fn only_callers_who_may_change_the_file_complete_it() {
    let world = world().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (ben, admin) = (world.patient("Ben").await, world.admin().await);
    world.assign(&ada, &vera).await;
    let text = text();
    let body = announcement("PATIENT", ada.user, "text/plain", &text);
    let announced = vera.post("/v1/files", body).await.expect(201);
    let id: Uuid = announced.body["file"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    send(&vera, &announced.body["upload"], &text, &[1, 2, 3]).await;
    // A file that a provider adds to the chart can't be completed by the patient.
    for caller in [&*ada, &*ben] {
        let refused = complete(caller, id).await.problem(404, "not-found");
        let denied = row().by(caller).resource(id).patient(ada.id);
        world.audited(&refused, denied.denied("not-found")).await;
    }
    let refused = complete(&admin, id).await.problem(403, "forbidden");
    let denied = row().by(&admin).resource(id).patient(ada.id);
    world.audited(&refused, denied.denied("forbidden")).await;
    assert_eq!(world.open_uploads(), 1);
    complete(&vera, id).await.expect(200);
}

#[tokio::test]
async fn a_single_part_file_is_not_completed_and_a_malformed_id_is_not_found() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let (id, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
    assert_eq!(upload.get("parts"), None);
    let answer = complete(&ada, id).await.problem(409, "conflict");
    let failed = row().by(&ada).resource(id).patient(ada.id);
    world.audited(&answer, failed.failed("conflict")).await;
    let request = ada.post_nothing("/v1/files/x/complete");
    world
        .refused(request, 404, row().by(&ada).failed("not-found"))
        .await;
}
