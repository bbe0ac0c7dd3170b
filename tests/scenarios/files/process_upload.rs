//! S3 event, an object was created: `process-upload`

use tests::audit::Expected;
use tests::passage::Passage;
use tests::prelude::*;

fn row() -> Expected {
    audit("process-upload", "PROCESS", "FILE").by_system()
}

struct Announced {
    id: Uuid,
    upload: Value,
}

async fn announce(ada: &Patient, file_type: &str, bytes: &[u8]) -> Announced {
    let body = announcement("PATIENT", ada.user, file_type, bytes);
    let answer = ada.post("/v1/files", body).await.expect(201);
    Announced {
        id: answer.body["file"]["id"].as_str().unwrap().parse().unwrap(),
        upload: answer.body["upload"].clone(),
    }
}

async fn status(world: &World, id: Uuid) -> Value {
    world
        .row(
            "select status, status_reason, upload_date is not null as arrived
             from file_metadata where id = $1",
            &[&id],
        )
        .await
}

/// A CDA document as Windows writes "Unicode".
fn cda_in_utf_16() -> Vec<u8> {
    let text = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-16\"?>\
        <ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>Größe</title></ClinicalDocument>";
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn cda_in_latin_1() -> Vec<u8> {
    let text = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\
        <ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>Größe</title></ClinicalDocument>";
    let latin = text.chars().map(|c| u8::try_from(u32::from(c)));
    latin.collect::<Result<_, _>>().unwrap()
}

fn event(key: &str) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2030-01-07T09:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": {"name": "caretrail-files", "ownerIdentity": {"principalId": "EXAMPLE"},
                "arn": "arn:aws:s3:::caretrail-files"},
            "object": {"key": key, "size": 1, "sequencer": "0055AED6DCD90281E5"}
        }
    }]})
}

/// Returns the rows of functions without a caller, in order.
async fn processed(world: &World) -> Vec<(String, Value, String)> {
    let log = world.audit_log().await;
    log.into_iter()
        .filter(|row| row.entry.application == "process-upload")
        .map(|row| {
            assert!(row.is_intact());
            (
                row.entry.request_id,
                Value::Object(row.entry.details),
                row.entry.outcome.to_string(),
            )
        })
        .collect()
}

/// The id of the invocation that a step was part of.
fn invocation(step: &str) -> &str {
    step.split_once('/')
        .expect("a step's id contains its invocation's")
        .0
}

#[tokio::test]
async fn a_file_that_matches_its_announcement_becomes_available_in_two_recorded_steps() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for (file_type, bytes) in [
        ("application/pdf", files::PDF.to_vec()),
        ("image/png", files::PNG.to_vec()),
        ("application/dicom", files::dicom()),
        ("text/plain", "Grüße".into()),
        (
            "application/fhir+json",
            br#"{"resourceType": "Patient"}"#.to_vec(),
        ),
        ("application/xml", cda_in_utf_16()),
        ("application/xml", cda_in_latin_1()),
    ] {
        let file = announce(&ada, file_type, &bytes).await;
        let before = processed(&world).await.len();
        assert_eq!(ada.upload(&file.upload, &bytes).await, 200, "{file_type}");
        world.cloud.settled().await;
        assert_eq!(
            status(&world, file.id).await,
            json!({"status": "AVAILABLE", "status_reason": null, "arrived": true}),
            "{file_type}"
        );
        let steps = processed(&world).await.split_off(before);
        assert_eq!(steps.len(), 2);
        let rows = world.audit_of_invocation(invocation(&steps[0].0)).await;
        assert_eq!(rows.len(), 2);
        // The log says how many rows there are, so that a missing one is noticed.
        let is_handled =
            |line: &str| line.contains("event handled") && line.contains(invocation(&steps[0].0));
        let logs = world.cloud.logs("process-upload");
        let line = logs.wait_until(is_handled, PATIENCE).await.unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["rows"], 2);
        for (row_, status) in rows.iter().zip(["SCANNING", "AVAILABLE"]) {
            assert_eq!(
                Expected::of(row_).without("status_reason").without("scan"),
                row()
                    .resource(file.id)
                    .patient(ada.id)
                    .detail("status", status)
            );
        }
    }
    world.verify_chains().await;
    assert!(world.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn a_file_of_another_type_is_rejected_and_can_not_be_downloaded() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let page = b"<html><script>alert(1)</script></html>";
    let file = announce(&ada, "application/pdf", page).await;
    assert_eq!(ada.upload(&file.upload, page).await, 200);
    world.cloud.settled().await;
    assert_eq!(
        status(&world, file.id).await,
        json!({"status": "REJECTED", "status_reason": "type-mismatch", "arrived": true})
    );
    let steps = processed(&world).await;
    assert_eq!(
        steps[1].1,
        json!({"status": "REJECTED", "status_reason": "type-mismatch", "scan": "UNSCANNED"})
    );
    let answer = ada.get(&format!("/v1/files/{}", file.id)).await.expect(200);
    assert_eq!(answer.body["download"], Value::Null);
}

#[tokio::test]
async fn s3_refuses_bytes_that_differ_from_the_announcement() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let file = announce(&ada, "text/plain", b"announced").await;
    let of_one_length = ada.upload(&file.upload, b"announceD").await;
    assert_eq!(of_one_length, 400);
    let longer = ada.upload(&file.upload, b"announced and more").await;
    assert_eq!(longer, 403);
    let mut as_another_type = file.upload.clone();
    as_another_type["headers"]["content-type"] = json!("text/html");
    assert_eq!(ada.upload(&as_another_type, b"announced").await, 403);
    world.cloud.settled().await;
    assert_eq!(status(&world, file.id).await["status"], "PENDING");
    assert!(processed(&world).await.is_empty());
    // The announced bytes can still be sent.
    assert_eq!(ada.upload(&file.upload, b"announced").await, 200);
    world.cloud.settled().await;
    assert_eq!(status(&world, file.id).await["status"], "AVAILABLE");
}

#[tokio::test]
async fn a_repeated_event_changes_nothing() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let file = announce(&ada, "application/pdf", files::PDF).await;
    assert_eq!(ada.upload(&file.upload, files::PDF).await, 200);
    world.cloud.settled().await;
    let (before, rows) = (world.stored().await, world.audit_log().await.len());
    let key = format!("files/{}/{}", ada.user, file.id);
    world
        .cloud
        .invoke("process-upload", &event(&key))
        .await
        .unwrap();
    assert_eq!(world.stored().await, before);
    assert_eq!(world.audit_log().await.len(), rows);
}

#[tokio::test]
async fn an_event_about_a_replaced_version_is_skipped() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let file = announce(&ada, "text/plain", b"announced").await;
    let replaced = world.put_unseen(ada.user, file.id, b"announceD");
    let current = world.put_unseen(ada.user, file.id, b"announced");
    let about = |version: &str| {
        let mut event = event(&format!("files/{}/{}", ada.user, file.id));
        event["Records"][0]["s3"]["object"]["versionId"] = json!(version);
        event
    };
    let (before, rows) = (world.stored().await, world.audit_log().await.len());
    for version in [&*replaced, "0000000000000000"] {
        let late = about(version);
        world.cloud.invoke("process-upload", &late).await.unwrap();
        assert_eq!(world.stored().await, before);
        assert_eq!(world.audit_log().await.len(), rows);
    }
    let event = about(&current);
    world.cloud.invoke("process-upload", &event).await.unwrap();
    assert_eq!(status(&world, file.id).await["status"], "AVAILABLE");
    assert_eq!(world.file_version(file.id).await, Some(current));
    // The event arrives again, late. The result stays the same.
    let late = about(&replaced);
    world.cloud.invoke("process-upload", &late).await.unwrap();
    assert_eq!(status(&world, file.id).await["status"], "AVAILABLE");
    world.verify_chains().await;
}

#[tokio::test]
async fn while_s3_fails_the_event_fails_and_a_later_delivery_completes_it() {
    let passage = Passage::new().await;
    let world = World::with(Setup {
        environment: [("S3_ENDPOINT".to_owned(), passage.url())].into(),
        ..Setup::default()
    })
    .await;
    passage.lead_to(&world.cloud.objects().url());
    let ada = world.patient("Ada").await;
    let text = vec![b'a'; 3 * 1024 * 1024];
    let file = announce(&ada, "text/plain", &text).await;

    // S3 breaks off in the middle of the object.
    passage.break_after(1024 * 1024);
    assert_eq!(ada.upload(&file.upload, &text).await, 200);
    world.cloud.settled().await;
    assert_eq!(
        status(&world, file.id).await,
        json!({"status": "SCANNING", "status_reason": null, "arrived": true})
    );
    let outcomes = |steps: &[(String, Value, String)]| -> Vec<String> {
        steps.iter().map(|step| step.2.clone()).collect()
    };
    let steps = processed(&world).await;
    // The file was taken up and failed three times in all.
    assert_eq!(outcomes(&steps), ["SUCCESS", "FAILURE"].repeat(3));
    assert_eq!(steps[1].1, json!({"reason": "unavailable"}));
    world.each_request_has_one_outcome().await;
    let letters = world.cloud.dead_letters();
    assert_eq!(letters.len(), 1);
    let answer = ada.get(&format!("/v1/files/{}", file.id)).await.expect(200);
    assert_eq!(answer.body["download"], Value::Null);

    // S3 is unreachable.
    passage.break_after(0);
    let event = &letters[0].event;
    let failure = world.cloud.invoke("process-upload", event).await;
    let failure = failure.unwrap_err().to_string();
    assert!(failure.contains("unavailable"), "{failure}");
    assert_eq!(status(&world, file.id).await["status"], "SCANNING");
    let steps = processed(&world).await.split_off(steps.len());
    assert_eq!(outcomes(&steps), ["FAILURE"]);

    passage.mend();
    world.cloud.invoke("process-upload", event).await.unwrap();
    assert_eq!(status(&world, file.id).await["status"], "AVAILABLE");
    world.verify_chains().await;
}

#[tokio::test]
async fn if_the_second_of_two_objects_fails_each_row_says_what_happened_to_its_file() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let mut both = json!({"Records": []});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let file = announce(&ada, "text/plain", b"announced").await;
        world.put_unseen(ada.user, file.id, b"announced");
        let mut one = event(&format!("files/{}/{}", ada.user, file.id));
        let records = both["Records"].as_array_mut().unwrap();
        records.push(one["Records"][0].take());
        ids.push(file.id);
    }
    world
        .sql(
            "create function fail() returns trigger language plpgsql as
             $$ begin raise exception 'failed' using errcode = 'disk_full'; end $$",
            &[],
        )
        .await;
    // The second file can't be taken up at first. Later it is taken up, but its inspection can't be stored.
    for (status, states, outcomes) in [
        (
            "SCANNING",
            ["AVAILABLE", "PENDING"],
            vec![
                (ids[0], "SUCCESS"),
                (ids[0], "SUCCESS"),
                (ids[1], "FAILURE"),
            ],
        ),
        (
            "AVAILABLE",
            ["AVAILABLE", "SCANNING"],
            vec![(ids[1], "SUCCESS"), (ids[1], "FAILURE")],
        ),
    ] {
        world
            .sql(
                &format!(
                    "create or replace trigger fail before update on file_metadata for each row
                     when (new.id = '{}' and new.status = '{status}') execute function fail()",
                    ids[1]
                ),
                &[],
            )
            .await;
        let before = processed(&world).await.len();
        let failure = world.cloud.invoke("process-upload", &both).await;
        let failure = failure.unwrap_err().to_string();
        assert!(failure.contains("unavailable"), "{failure}");
        for (id, expected) in ids.iter().zip(states) {
            assert_eq!(world.file_state(*id).await.0, expected);
        }
        let steps = processed(&world).await.split_off(before);
        // The id of the invocation finds the rows of all its steps, newest first.
        let path = format!("/v1/audit-logs?request_id={}", invocation(&steps[0].0));
        let answer = officer.get(&path).await.expect(200);
        let found: Vec<_> = answer.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .map(|row| (row["resource_id"].clone(), row["outcome"].clone()))
            .collect();
        let expected: Vec<_> = outcomes
            .iter()
            .map(|(id, outcome)| (json!(id), json!(outcome)))
            .collect();
        assert_eq!(found, expected);
        world.each_request_has_one_outcome().await;
    }
    world.verify_chains().await;
}

#[tokio::test]
async fn an_invocation_reports_its_recorded_steps() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    // Given a file whose inspection broke off.
    let id = world.uploaded(&ada, "image/png", files::PNG).await;
    let broken_off =
        "update file_metadata set status = 'SCANNING', inspected_at = null where id = $1";
    world.sql(broken_off, &[&id]).await;
    let key = format!("files/{}/{id}", ada.user);
    // When the event is delivered, then the answer says what the audit log says.
    let report = world
        .cloud
        .invoke("process-upload", &event(&key))
        .await
        .unwrap();
    let steps = report["steps"].as_array().unwrap();
    let statuses: Vec<_> = steps
        .iter()
        .map(|step| step["details"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["SCANNING", "AVAILABLE"], "{report}");
    for step in steps {
        assert_eq!(step["resource_id"], json!(id));
        let rows = world
            .audit_of_request(step["request_id"].as_str().unwrap())
            .await;
        assert_eq!(rows.len(), 1);
        assert_eq!(
            step["details"],
            Value::Object(rows[0].entry.details.clone())
        );
    }
    // When it is delivered again, then there is nothing to do.
    let again = world
        .cloud
        .invoke("process-upload", &event(&key))
        .await
        .unwrap();
    assert_eq!(again, json!({"steps": []}));
}

#[tokio::test]
async fn an_unannounced_object_is_skipped() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let before = world.stored().await;
    for key in [
        format!("files/{}/{}", ada.user, Uuid::now_v7()),
        "files/..%2F..%2Fetc%2Fpasswd".to_owned(),
        "else/where".to_owned(),
    ] {
        let report = world.cloud.invoke("process-upload", &event(&key)).await;
        assert_eq!(report.unwrap(), json!({"steps": []}));
    }
    assert_eq!(world.stored().await, before);
    assert!(world.audit_log().await.is_empty());
}

#[tokio::test]
async fn an_event_with_an_unknown_shape_fails_with_a_message() {
    let world = World::new().await;
    let failure = world
        .cloud
        .invoke("process-upload", &json!({"Records": "none"}))
        .await
        .unwrap_err();
    assert!(
        failure.to_string().contains("malformed-json"),
        "{failure:#}"
    );
}
