//! EventBridge event, GuardDuty scanned an object: `process-scan-result`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("process-scan-result", "PROCESS", "FILE").by_system()
}

/// Returns settings with GuardDuty as scanner and this policy for unscanned files.
pub fn guarding(policy: &str) -> Setup {
    Setup {
        environment: [("SCAN_RESULTS", "guardduty"), ("SCAN_POLICY", policy)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Setup::default()
    }
}

/// Creates a world with these settings.
pub async fn guarded(policy: &str) -> World {
    World::with(guarding(policy)).await
}

/// Returns the entity tag of an object that was put in one request. It is the MD5, which PostgreSQL
/// can compute.
pub async fn tag(world: &World, bytes: &[u8]) -> String {
    world.sql("select md5($1::bytea)", &[&bytes]).await[0].get(0)
}

/// Sends a scan result for the current version.
pub async fn result(world: &World, owner: Uuid, id: Uuid, tag: &str, status: &str) {
    let key = format!("files/{owner}/{id}");
    let objects = world.cloud.objects();
    let version = objects.version("caretrail-files", &key).unwrap();
    result_of(world, owner, id, version, tag, status).await;
}

/// Sends a scan result for this version, or for none as from a bucket without versions.
async fn result_of(
    world: &World,
    owner: Uuid,
    id: Uuid,
    version: Option<String>,
    tag: &str,
    status: &str,
) {
    let threats = match status {
        "THREATS_FOUND" => json!([{"name": "EICAR-Test-File (not a virus)"}]),
        _ => Value::Null,
    };
    let event = json!({
        "version": "0", "id": Uuid::now_v7(), "source": "aws.guardduty",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "account": "000000000000", "time": "2030-01-07T09:00:00Z", "region": "us-east-1",
        "resources": [],
        "detail": {
            "schemaVersion": "1.0", "scanStatus": "COMPLETED", "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {
                "bucketName": "caretrail-files", "objectKey": format!("files/{owner}/{id}"),
                "eTag": tag, "versionId": version, "s3Throttled": false
            },
            "scanResultDetails": {"scanResultStatus": status, "threats": threats}
        }
    });
    world
        .cloud
        .invoke("process-scan-result", &event)
        .await
        .unwrap();
}

fn state(status: &str, reason: Option<&str>) -> (String, Option<String>) {
    (status.to_owned(), reason.map(str::to_owned))
}

#[tokio::test]
async fn a_sound_file_waits_for_the_scan_and_is_then_available_or_quarantined() {
    let world = guarded("block").await;
    let ada = world.patient("Ada").await;
    for (status, expected, scan) in [
        ("NO_THREATS_FOUND", state("AVAILABLE", None), "CLEAN"),
        (
            "THREATS_FOUND",
            state("QUARANTINED", Some("malware")),
            "INFECTED",
        ),
        (
            "UNSUPPORTED",
            state("QUARANTINED", Some("unscanned")),
            "UNSCANNED",
        ),
    ] {
        let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
        assert_eq!(
            world.file_state(id).await,
            state("SCANNING", Some("awaiting-scan"))
        );
        result(&world, ada.user, id, &tag(&world, files::PDF).await, status).await;
        assert_eq!(world.file_state(id).await, expected, "{status}");
        let answer = ada.get(&format!("/v1/files/{id}")).await.expect(200);
        assert_eq!(answer.body["scan"], scan);
        assert_eq!(
            answer.body["download"].is_null(),
            expected.0 != "AVAILABLE",
            "{status}"
        );
        let log = world.audit_log().await;
        let last = log
            .iter()
            .rfind(|row| row.entry.application == "process-scan-result")
            .unwrap();
        let expected = row()
            .resource(id)
            .patient(ada.id)
            .detail("status", expected.0)
            .detail("status_reason", expected.1)
            .detail("scan", scan);
        assert_eq!(Expected::of(last).without("threat"), expected);
    }
    world.verify_chains().await;
}

#[tokio::test]
async fn a_clean_result_counts_for_its_version_and_malware_for_all() {
    let world = guarded("block").await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let checked = world.file_version(id).await;
    let other = Some(world.put_unseen(ada.user, id, b"other"));
    let (tag_of_checked, tag_of_other) =
        (tag(&world, files::PDF).await, tag(&world, b"other").await);
    let waiting = state("SCANNING", Some("awaiting-scan"));
    for (version, tag) in [
        (other.clone(), &tag_of_other),
        // The first version doesn't exist. The second is the current one, which is the other.
        (Some("0000000000000000".to_owned()), &tag_of_checked),
        (None, &tag_of_checked),
    ] {
        result_of(&world, ada.user, id, version, tag, "NO_THREATS_FOUND").await;
        assert_eq!(world.file_state(id).await, waiting);
    }
    let tag = &tag_of_checked;
    result_of(&world, ada.user, id, checked, tag, "NO_THREATS_FOUND").await;
    assert_eq!(world.file_state(id).await, state("AVAILABLE", None));
    let tag = &tag_of_other;
    result_of(&world, ada.user, id, other, tag, "THREATS_FOUND").await;
    assert_eq!(
        world.file_state(id).await,
        state("QUARANTINED", Some("malware"))
    );
    world.verify_chains().await;
}

#[tokio::test]
async fn an_unscannable_file_is_available_if_the_policy_allows() {
    let world = guarded("allow").await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    result(
        &world,
        ada.user,
        id,
        &tag(&world, files::PDF).await,
        "FAILED",
    )
    .await;
    assert_eq!(world.file_state(id).await, state("AVAILABLE", None));
    // A late result still counts.
    result(
        &world,
        ada.user,
        id,
        &tag(&world, files::PDF).await,
        "THREATS_FOUND",
    )
    .await;
    assert_eq!(
        world.file_state(id).await,
        state("QUARANTINED", Some("malware"))
    );
    // Nothing reverts it.
    result(
        &world,
        ada.user,
        id,
        &tag(&world, files::PDF).await,
        "NO_THREATS_FOUND",
    )
    .await;
    assert_eq!(
        world.file_state(id).await,
        state("QUARANTINED", Some("malware"))
    );
}

#[tokio::test]
async fn a_missing_scan_result_is_awaited_for_an_hour() {
    let world = guarded("block").await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    for (age, expected) in [
        ("50 minutes", state("SCANNING", Some("awaiting-scan"))),
        ("61 minutes", state("QUARANTINED", Some("unscanned"))),
    ] {
        world
            .sql(
                // S3 dates a multipart upload from its start.
                "update file_metadata
                 set upload_date = now() - interval '1 day', inspected_at = now() - $2::text::interval
                 where id = $1",
                &[&id, &age],
            )
            .await;
        world
            .cloud
            .invoke("expire-uploads", &json!({}))
            .await
            .unwrap();
        assert_eq!(world.file_state(id).await, expected, "{age}");
    }
    result(
        &world,
        ada.user,
        id,
        &tag(&world, files::PDF).await,
        "NO_THREATS_FOUND",
    )
    .await;
    assert_eq!(world.file_state(id).await, state("AVAILABLE", None));
}

#[tokio::test]
async fn a_result_about_other_bytes_another_bucket_or_no_file_changes_nothing() {
    let world = guarded("block").await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let before = world.stored().await;
    result(
        &world,
        ada.user,
        id,
        &tag(&world, b"other").await,
        "NO_THREATS_FOUND",
    )
    .await;
    result(
        &world,
        ada.user,
        Uuid::now_v7(),
        &tag(&world, files::PDF).await,
        "THREATS_FOUND",
    )
    .await;
    result(
        &world,
        Uuid::now_v7(),
        id,
        &tag(&world, files::PDF).await,
        "THREATS_FOUND",
    )
    .await;
    assert_eq!(world.stored().await, before);
    let failure = world
        .cloud
        .invoke("process-scan-result", &json!({"detail": {}}))
        .await
        .unwrap_err();
    assert!(
        failure.to_string().contains("malformed-json"),
        "{failure:#}"
    );
}
