//! `PUT /v1/medical-records/{id}/shield`, and that a representative can't reach a shielded record by any path.

use http::Method;
use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

fn row() -> Expected {
    audit("shield-record", "UPDATE", "MEDICAL_RECORD")
}

fn shield() -> Value {
    json!({"shield": {"reason": "minor_consent", "note": "Asked that nobody tells the parents"}})
}

/// Sends the decision for this version.
async fn put(caller: &Actor, id: Uuid, version: i64, body: Value) -> Answer {
    let request = caller
        .request(Method::PUT, &format!("/v1/medical-records/{id}/shield"))
        .header("if-match", format!("\"{version}\""))
        .header("content-type", "application/json")
        .body(body.to_string().into());
    caller.send_request(request.unwrap()).await
}

/// A minor, their clinician, their parent, and a record with a file.
struct Chart {
    kim: Patient,
    vera: Provider,
    paul: Actor,
    note: Uuid,
    file: Uuid,
}

impl Chart {
    async fn new(world: &World) -> Self {
        let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
        world.rejuvenate(&kim, 15).await;
        world.assign(&kim, &vera).await;
        let paul = world.user("PATIENT", "Paul").await;
        world.represent(paul.user, &kim, None).await;
        let note = world.note(&kim, &vera, "In confidence.").await;
        let file = world.uploaded(&kim, "application/pdf", files::PDF).await;
        let attach = "update file_metadata set record_id = $2 where id = $1";
        world.sql(attach, &[&file, &note]).await;
        Self {
            kim,
            vera,
            paul,
            note,
            file,
        }
    }

    /// Whether the caller finds the record, its versions and its file: everywhere or nowhere.
    async fn is_found_by(&self, world: &World, caller: &Actor) -> bool {
        let (kim, note, file) = (self.kim.id, self.note, self.file);
        let mut found = Vec::new();
        for path in [
            format!("/v1/medical-records/{note}"),
            format!("/v1/medical-records/{note}/versions"),
            format!("/v1/files/{file}"),
        ] {
            let answer = caller.get(&path).await;
            assert!([200, 404].contains(&answer.status), "{answer:?}");
            found.push((path, answer.status == 200));
        }
        for (path, id) in [
            ("/v1/medical-records".to_owned(), note),
            (format!("/v1/medical-records?patient_id={kim}"), note),
            (
                format!("/v1/medical-records?patient_id={kim}&include_archived=true"),
                note,
            ),
            ("/v1/files".to_owned(), file),
            (format!("/v1/files?patient_id={kim}"), file),
            (format!("/v1/files?record_id={note}"), file),
        ] {
            let ids = caller.get(&path).await.expect(200).ids();
            found.push((path, ids.contains(&id)));
        }
        let app = world.connect_as(PEOPLE).await;
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, caller, "records:read").await.unwrap();
        for (table, column, id) in [
            ("medical_records", "id", note),
            ("medical_record_versions", "record_id", note),
            ("file_metadata", "id", file),
        ] {
            let rows = app
                .query(&format!("select {column} from {table}"), &[])
                .await;
            let seen: Vec<Uuid> = rows.unwrap().iter().map(|row| row.get(0)).collect();
            found.push((table.to_owned(), seen.contains(&id)));
        }
        let ledger = app.query("select from record_shields", &[]).await.unwrap();
        assert!(caller.role != Some("PATIENT") || ledger.is_empty());
        let first = found[0].1;
        assert!(found.iter().all(|(_, is)| *is == first), "{found:?}");
        first
    }
}

#[tokio::test]
async fn a_shielded_record_is_kept_from_representatives_and_not_from_the_patient() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    // A former version, so that all tables have rows.
    let change = "update medical_records set change_reason = 'x' where id = $1";
    world.sql(change, &[&chart.note]).await;
    assert!(chart.is_found_by(&world, &chart.paul).await);

    let shielded = put(&chart.vera, chart.note, 2, shield()).await.expect(200);
    assert_eq!(shielded.header("etag"), "\"3\"");
    assert_eq!(shielded.body["is_shielded"], true);
    assert_eq!(shielded.body["shield"]["reason"], "minor_consent");
    assert_eq!(
        shielded.body["shield"]["shielded_by"],
        json!(chart.vera.user)
    );
    let expected = row().by(&chart.vera).resource(chart.note);
    let expected = expected.patient(chart.kim.id).detail("decision", "shield");
    world.audited(&shielded, expected).await;
    assert!(!chart.is_found_by(&world, &chart.paul).await);
    assert!(chart.is_found_by(&world, &chart.vera).await);
    assert!(chart.is_found_by(&world, &chart.kim).await);
    let path = format!("/v1/medical-records/{}", chart.note);
    let seen = chart.kim.get(&path).await;
    assert_eq!(seen.body["is_shielded"], true);
    assert_eq!(seen.body["shield"], Value::Null);

    // It answers like a record that doesn't exist.
    let nowhere = format!("/v1/medical-records/{}", Uuid::now_v7());
    let (hidden, absent) = (chart.paul.get(&path).await, chart.paul.get(&nowhere).await);
    hidden.same_as(&absent);
}

#[tokio::test]
async fn a_version_that_was_written_under_a_shield_stays_hidden_after_it() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let path = format!("/v1/medical-records/{}", chart.note);
    put(&chart.vera, chart.note, 1, shield()).await.expect(200);
    let patch = json!({"content": {"text": "The test was positive."}, "change_reason": "Result"});
    chart.vera.patch(&path, 2, patch).await.expect(200);
    let patch = json!({"content": {"text": "Well."}, "change_reason": "Moved to another record"});
    chart.vera.patch(&path, 3, patch).await.expect(200);
    let lifted = put(&chart.vera, chart.note, 4, json!({"shield": null})).await;
    let lifted = lifted.expect(200);
    assert_eq!(lifted.body["is_shielded"], false);
    assert_eq!(lifted.body["shield"], Value::Null);
    let expected = row().by(&chart.vera).resource(chart.note);
    let expected = expected
        .patient(chart.kim.id)
        .detail("decision", "unshield");
    world.audited(&lifted, expected).await;

    let versions = async |caller: &Actor| {
        let answer = caller.get(&format!("{path}/versions")).await.expect(200);
        let items = answer.body["items"].as_array().unwrap().clone();
        let numbers: Vec<_> = items.iter().map(|item| item["version"].clone()).collect();
        (numbers, answer.text)
    };
    let (numbers, text) = versions(&chart.paul).await;
    assert_eq!(numbers, [5, 1]);
    assert!(
        !text.contains("positive") && !text.contains("shield"),
        "{text}"
    );
    let (numbers, text) = versions(&chart.kim).await;
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    assert!(!text.contains("shielded\""), "{text}");
    // Nothing is left to lift.
    let again = put(&chart.vera, chart.note, 5, json!({"shield": null})).await;
    assert_eq!(again.expect(200).header("etag"), "\"5\"");
}

#[tokio::test]
async fn a_record_can_be_created_shielded() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let body = json!({
        "patient_id": chart.kim.id, "record_type": "NOTE", "content": {"text": "In confidence."},
        "shield": {"reason": "endangerment", "note": null}
    });
    let created = chart
        .vera
        .post("/v1/medical-records", body)
        .await
        .expect(201);
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(created.body["is_shielded"], true);
    assert_eq!(created.body["shield"]["reason"], "endangerment");
    let path = format!("/v1/medical-records/{}", created.id());
    chart.paul.get(&path).await.problem(404, "not-found");
    chart.kim.get(&path).await.expect(200);
}

#[tokio::test]
async fn the_ledger_has_each_decision_and_only_those_who_write_the_record_decide() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    put(&chart.vera, chart.note, 1, shield()).await.expect(200);
    let other = json!({"shield": {"reason": "law", "note": null}});
    put(&chart.vera, chart.note, 2, other).await.expect(200);
    put(&chart.vera, chart.note, 3, json!({"shield": null}))
        .await
        .expect(200);
    let ledger = "select reason, decided_by from record_shields order by decided_at";
    let vera = chart.vera.user;
    assert_eq!(
        json!(world.rows(ledger, &[]).await),
        json!([
            {"reason": "minor_consent", "decided_by": vera},
            {"reason": "law", "decided_by": vera},
            {"reason": null, "decided_by": vera}
        ])
    );
    let change = "update record_shields set note = null";
    let refused = world.connect().await.batch_execute(change).await;
    assert_eq!(refused.unwrap_err().code().unwrap().code(), "23001");

    for caller in [&*chart.kim, &chart.paul, &world.admin().await] {
        let denied = row().by(caller).resource(chart.note).patient(chart.kim.id);
        let denied = denied.so_far().detail("decision", "shield");
        let decided = put(caller, chart.note, 4, shield());
        world
            .refused(decided, 403, denied.denied("forbidden"))
            .await;
    }
    let walt = world.provider("Walt").await;
    let hidden = row().by(&walt).resource(chart.note).patient(chart.kim.id);
    let hidden = hidden.detail("decision", "shield");
    let request = async |id| put(&walt, id, 4, shield()).await;
    world.out_of_reach(hidden, request).await;
    for (field, body) in [
        ("shield", json!({})),
        (
            "shield.reason",
            json!({"shield": {"reason": "embarrassing"}}),
        ),
    ] {
        let failed = row().by(&chart.vera).so_far().resource(chart.note);
        let decided = put(&chart.vera, chart.note, 4, body);
        world
            .invalid(decided, field, failed.patient(chart.kim.id))
            .await;
    }
    let late = put(&chart.vera, chart.note, 3, shield()).await;
    late.problem(412, "precondition-failed");
}
