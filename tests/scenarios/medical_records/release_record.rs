//! `PUT /v1/medical-records/{id}/release`, and that a patient can't reach a held record by any
//! path.

use domain::time::{TimeDelta, Timestamp};
use http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

fn row() -> Expected {
    audit("release-record", "UPDATE", "MEDICAL_RECORD")
}

fn from_now(seconds: i64) -> Timestamp {
    Timestamp::now() + TimeDelta::seconds(seconds)
}

fn hold(seconds: i64) -> Value {
    json!({"hold": {"reason": "patient_request", "expires_at": from_now(seconds), "note": "Wants to be told in person"}})
}

const DAY: i64 = 86_400;

/// Sends the decision for this version.
async fn put(caller: &Actor, id: Uuid, version: i64, body: Value) -> Answer {
    let request = caller
        .request(Method::PUT, &format!("/v1/medical-records/{id}/release"))
        .header("if-match", format!("\"{version}\""))
        .header("content-type", "application/json")
        .body(body.to_string().into());
    caller.send_request(request.unwrap()).await
}

async fn entry(world: &World) -> (Patient, Provider, Uuid) {
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.note(&ada, &vera, "Not yet.").await;
    (ada, vera, id)
}

#[tokio::test]
async fn a_hold_is_placed_and_lifted_and_the_ledger_has_both() {
    let world = World::new().await;
    let (ada, vera, id) = entry(&world).await;
    let answer = put(&vera, id, 1, hold(DAY)).await.expect(200);
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(answer.body["is_patient_visible"], false);
    assert_eq!(answer.body["hold"]["reason"], "patient_request");
    assert_eq!(answer.body["hold"]["held_by"], json!(vera.user));
    let held = row().by(&vera).resource(id).patient(ada.id);
    world
        .audited(&answer, held.detail("decision", "hold"))
        .await;

    let answer = put(&vera, id, 2, json!({"hold": null})).await.expect(200);
    assert_eq!(answer.body["is_patient_visible"], true);
    assert_eq!(answer.body["hold"], Value::Null);
    let released = row().by(&vera).resource(id).patient(ada.id);
    world
        .audited(&answer, released.detail("decision", "release"))
        .await;
    ada.get(&format!("/v1/medical-records/{id}"))
        .await
        .expect(200);

    // Releasing a record that isn't held changes nothing.
    let answer = put(&vera, id, 3, json!({"hold": null})).await.expect(200);
    assert_eq!(answer.header("etag"), "\"3\"");
    let ledger = world
        .rows(
            "select hold_reason, decided_by from record_releases order by decided_at",
            &[],
        )
        .await;
    assert_eq!(
        json!(ledger),
        json!([
            {"hold_reason": "patient_request", "decided_by": vera.user},
            {"hold_reason": null, "decided_by": vera.user}
        ])
    );
    let refused = world
        .connect()
        .await
        .batch_execute("update record_releases set note = null")
        .await
        .unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "23001");
}

#[tokio::test]
async fn after_a_hold_the_patient_learns_until_when_it_was_and_not_why() {
    let world = World::new().await;
    let (ada, vera, id) = entry(&world).await;
    let path = format!("/v1/medical-records/{id}");
    let at_once = ada.get(&path).await.expect(200);
    assert_eq!(at_once.body["release_date"], at_once.body["created_at"]);
    put(&vera, id, 1, hold(DAY)).await.expect(200);
    put(&vera, id, 2, json!({"hold": null})).await.expect(200);
    let later = ada.get(&path).await.expect(200);
    let [created, released] = ["created_at", "release_date"].map(|field| {
        let time = later.body[field].as_str().unwrap();
        time.parse::<Timestamp>().unwrap()
    });
    assert!(released > created, "{released} {created}");
    assert_eq!(later.body["hold"], Value::Null);
    let history = ada.get(&format!("{path}/versions")).await.expect(200);
    for answer in [later, history] {
        assert!(!answer.text.contains("patient_request"), "{}", answer.text);
        assert!(!answer.text.contains("told in person"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_hold_ends_by_itself() {
    let world = World::new().await;
    let (ada, vera, id) = entry(&world).await;
    put(&vera, id, 1, hold(3)).await.expect(200);
    let path = format!("/v1/medical-records/{id}");
    ada.get(&path).await.problem(404, "not-found");
    eventually("the hold passes", async || {
        ada.get(&path).await.status == 200
    })
    .await;
    // Nobody lifted the hold, so the filter finds it after its end.
    let passed = vera.get("/v1/medical-records?held=true").await.expect(200);
    assert_eq!(passed.ids(), [id]);
}

#[tokio::test]
async fn a_record_can_be_created_held_with_reason_author_and_end() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let mut body = json!({
        "patient_id": ada.id, "record_type": "NOTE", "content": {"text": "Not yet."}
    });
    body["hold"] = hold(DAY)["hold"].clone();
    let answer = vera
        .post("/v1/medical-records", body.clone())
        .await
        .expect(201);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.body["is_patient_visible"], false);
    assert_eq!(answer.body["hold"]["held_by"], json!(vera.user));
    assert_eq!(
        answer.body["release_date"],
        answer.body["hold"]["expires_at"]
    );
    let id = answer.id();
    ada.get(&format!("/v1/medical-records/{id}"))
        .await
        .problem(404, "not-found");

    // There is no other way to hide a record.
    for (field, value) in [
        ("is_patient_visible", json!(false)),
        ("release_date", json!(from_now(DAY))),
    ] {
        let mut hidden = body.clone();
        hidden[field] = value;
        vera.post("/v1/medical-records", hidden)
            .await
            .invalid(field);
    }
    // The provider doesn't treat this patient, so they can't place a hold.
    let before = world.stored().await;
    body["patient_id"] = json!(world.patient("Ben").await.id);
    let answer = vera.post("/v1/medical-records", body).await;
    answer.problem(404, "not-found");
    let after = world.stored().await;
    assert_eq!(after["record_releases"], before["record_releases"]);
}

#[tokio::test]
async fn an_invalid_hold_is_named() {
    let world = World::new().await;
    let (ada, vera, id) = entry(&world).await;
    let before = world.stored().await;
    for (body, field) in [
        (json!({}), "hold"),
        (json!({"hold": {"reason": "privacy"}}), "hold.expires_at"),
        (
            json!({"hold": {"expires_at": from_now(DAY)}}),
            "hold.reason",
        ),
        (
            json!({"hold": {"reason": "convenience", "expires_at": from_now(DAY)}}),
            "hold.reason",
        ),
        (
            json!({"hold": {"reason": "law", "expires_at": from_now(-1)}}),
            "hold.expires_at",
        ),
        (
            json!({"hold": {"reason": "law", "expires_at": from_now(367 * DAY)}}),
            "hold.expires_at",
        ),
        (
            json!({"hold": null, "release_date": from_now(DAY)}),
            "release_date",
        ),
    ] {
        let answer = put(&vera, id, 1, body).await.invalid(field);
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].entry.details["reason"], "invalid", "{field}");
    }
    let failed = row().by(&vera).resource(id).patient(ada.id);
    let failed = failed.detail("decision", "hold");
    let failed = failed.failed("precondition-failed");
    world
        .refused(put(&vera, id, 9, hold(DAY)), 412, failed)
        .await;
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_provider_without_care_can_not_hold_or_release() {
    let world = World::new().await;
    let (ada, _, id) = entry(&world).await;
    let walt = world.provider("Walt").await;
    let denied = row().by(&walt).resource(id).patient(ada.id);
    let denied = denied.detail("decision", "hold");
    world
        .out_of_reach(denied, async |id| put(&walt, id, 1, hold(DAY)).await)
        .await;
    let denied = row().by(&ada).resource(id).patient(ada.id);
    let denied = denied.detail("decision", "release").denied("forbidden");
    world
        .refused(put(&ada, id, 1, json!({"hold": null})), 403, denied)
        .await;
}

/// Returns the patient's answers from each path over HTTP.
async fn by_every_path(ada: &Patient, id: Uuid, files: [Uuid; 2]) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for path in [
        format!("/v1/medical-records/{id}"),
        format!("/v1/medical-records/{id}?include_archived=true"),
        format!("/v1/medical-records/{id}/versions"),
        "/v1/medical-records".to_owned(),
        format!("/v1/medical-records?patient_id={}", ada.id),
        "/v1/medical-records?record_type=NOTE&include_archived=true".to_owned(),
        "/v1/medical-records?held=true".to_owned(),
        "/v1/medical-records?external_id=urn:held".to_owned(),
        format!("/v1/files/{}", files[0]),
        format!("/v1/files/{}", files[1]),
        "/v1/files".to_owned(),
        format!("/v1/files?record_id={id}"),
        format!("/v1/files?patient_id={}&include_archived=true", ada.id),
        format!("/v1/patients/{}", ada.id),
        "/v1/appointments".to_owned(),
    ] {
        let answer = ada.get(&path).await;
        answers.push((path, answer));
    }
    answers
}

/// Returns everything that the patient's role reads without a WHERE, from every table that
/// functions may read.
async fn past_every_handler(world: &World, ada: &Patient, permission: &str) -> String {
    let app = world.connect_as(PEOPLE).await;
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, ada, permission).await.unwrap();
    let mut seen = String::new();
    for table in [
        "medical_records",
        "medical_record_versions",
        "record_releases",
        "file_metadata",
        "appointments",
        "idempotency_keys",
        "audit_logs",
    ] {
        let rows = app
            .query(&format!("select to_jsonb(t)::text from {table} t"), &[])
            .await
            .unwrap();
        for row in rows {
            seen.push_str(&row.get::<_, String>(0));
        }
    }
    seen
}

/// Returns the version of a file, which counts its changes.
async fn version_of(world: &World, file: Uuid) -> i64 {
    let query = "select version from file_metadata where id = $1";
    world.row(query, &[&file]).await["version"]
        .as_i64()
        .unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Hold,
    Release,
    Change,
    HoldPassed,
    Attach,
    Detach,
    Delete,
}

#[tokio::test]
async fn the_patient_reaches_a_held_record_by_no_path() {
    const MARK: &str = "Zebrafish";
    let steps = proptest::collection::vec(
        prop_oneof![
            3 => Just(Step::Hold),
            2 => Just(Step::Release),
            3 => Just(Step::Change),
            1 => Just(Step::HoldPassed),
            3 => Just(Step::Attach),
            1 => Just(Step::Detach),
            1 => Just(Step::Delete),
        ],
        1..6,
    );
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let mut runner = TestRunner::default();
    for _ in 0..12 {
        let body = json!({
            "patient_id": ada.id, "record_type": "NOTE", "content": {"text": MARK},
            "notes": MARK,
            "hold": {"reason": "harm_prevention", "expires_at": from_now(DAY), "note": MARK}
        });
        let id = vera
            .post("/v1/medical-records", body)
            .await
            .expect(201)
            .id();
        let mut file = announcement("PATIENT", ada.user, "image/png", files::PNG);
        file["record_id"] = json!(id);
        file["original_name"] = json!(MARK);
        let answer = vera.post("/v1/files", file).await.expect(201);
        assert_eq!(answer.body["file"]["record_id"], json!(id));
        let file: Uuid = answer.body["file"]["id"].as_str().unwrap().parse().unwrap();
        // The patient sees the file until it is attached, and again after it is detached.
        let sent = world.uploaded(&ada, "image/png", files::PNG).await;
        let mut attached = false;
        let (mut version, mut visible, mut archived) = (1, false, false);
        let mut taken = Vec::new();
        for step in steps.new_tree(&mut runner).unwrap().current() {
            if archived {
                break;
            }
            taken.push(step.clone());
            match step {
                Step::Hold => {
                    put(&vera, id, version, hold(DAY)).await.expect(200);
                    visible = false;
                }
                Step::Release => {
                    put(&vera, id, version, json!({"hold": null}))
                        .await
                        .expect(200);
                    visible = true;
                }
                Step::HoldPassed => {
                    world.hold(id, &vera, "-1 minute").await;
                    visible = true;
                }
                Step::Change => {
                    let patch = json!({"notes": format!("{MARK} again"), "change_reason": MARK});
                    let path = format!("/v1/medical-records/{id}");
                    vera.patch(&path, version, patch).await.expect(200);
                }
                Step::Attach => {
                    let path = format!("/v1/files/{sent}");
                    let patch = json!({"record_id": id, "original_name": MARK});
                    let current = version_of(&world, sent).await;
                    vera.patch(&path, current, patch).await.expect(200);
                    attached = true;
                }
                Step::Detach => {
                    let path = format!("/v1/files/{sent}");
                    let patch = json!({"record_id": null, "original_name": "x"});
                    let current = version_of(&world, sent).await;
                    vera.patch(&path, current, patch).await.expect(200);
                    attached = false;
                }
                Step::Delete => {
                    let path = format!("/v1/medical-records/{id}");
                    vera.delete(&path, version).await.expect(200);
                    (visible, archived) = (false, true);
                }
            }
            version = world
                .row("select version from medical_records where id = $1", &[&id])
                .await["version"]
                .as_i64()
                .unwrap();
            let shown = id.to_string();
            for (path, answer) in by_every_path(&ada, id, [file, sent]).await {
                let told =
                    answer.text.contains(MARK) || answer.body["items"].to_string().contains(&shown);
                assert!(visible || !told, "{path} after {taken:?}: {}", answer.text);
                let named = |id: Uuid| path.contains(&format!("/{id}"));
                if named(id) || named(file) || named(sent) {
                    let reached = visible || (named(sent) && !attached);
                    let expected = if reached { 200 } else { 404 };
                    assert_eq!(answer.status, expected, "{path} after {taken:?}");
                }
                // The patient never sees the reason.
                assert!(!answer.text.contains("harm_prevention"), "{path}");
            }
            if attached {
                let path = format!("/v1/files/{sent}");
                let current = version_of(&world, sent).await;
                ada.patch(&path, current, json!({"record_id": null}))
                    .await
                    .problem(404, "not-found");
            }
            for permission in ["records:read", "files:read"] {
                let seen = past_every_handler(&world, &ada, permission).await;
                assert_eq!(
                    seen.contains(MARK) || seen.contains(&shown),
                    visible,
                    "{permission} after {taken:?}: {seen}"
                );
                assert!(!seen.contains("harm_prevention"), "{seen}");
            }
        }
        // Delete this record, so that the next iteration finds only its own.
        if !archived {
            let path = format!("/v1/medical-records/{id}");
            vera.delete(&path, version).await.expect(200);
        }
    }
}
