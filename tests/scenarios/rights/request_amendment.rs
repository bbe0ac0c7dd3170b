//! `POST /v1/amendments`

use audit::Relation;
use tests::audit::Expected;
use tests::prelude::*;

use super::{AMENDMENTS, Chart, amendment_path, clinic_day, request, stored};

fn row(caller: &Actor, patient: Uuid) -> Expected {
    let row = audit("request-amendment", "CREATE", "AMENDMENT").by(caller);
    row.patient(patient)
}

#[tokio::test]
async fn a_patient_requests_an_amendment_and_its_sixty_days_begin_at_the_receipt() {
    let chart = Chart::new().await;
    let Chart {
        world,
        ada,
        vera,
        note,
    } = &chart;
    let before = world.rows("select * from medical_records", &[]).await;
    let answer = ada.post(AMENDMENTS, request(ada.id, *note)).await;
    let answer = answer.expect(201);
    let id = answer.id();
    assert_eq!(answer.header("location"), amendment_path(id, ""));
    let (today, due) = (clinic_day(world, 0).await, clinic_day(world, 60).await);
    for (field, value) in [
        ("patient_id", json!(ada.id)),
        ("record_id", json!(note)),
        ("file_id", Value::Null),
        ("origin", json!("REQUEST")),
        ("status", json!("REQUESTED")),
        ("statement", json!("It says that I smoke.")),
        ("correction", json!("I have never smoked.")),
        ("reason", json!("I was mistaken for somebody else.")),
        ("requester", json!("PATIENT")),
        ("recorded_by", json!(ada.user)),
        ("received_on", json!(today)),
        ("due_on", json!(due)),
        ("is_overdue", json!(false)),
        ("decided_at", Value::Null),
        ("recipients", json!([])),
    ] {
        assert_eq!(answer.body[field], value, "{field}");
    }
    let saved = stored(world, id).await;
    assert_eq!(saved["due_on"], json!(due));
    assert_eq!(saved["recorded_by"], json!(ada.user));
    let row = row(ada, ada.id).resource(id);
    let entry = world.audited(&answer, row).await.entry;
    assert_eq!(entry.relation, Some(Relation::Oneself));
    // The entry stays as it is.
    let after = world.rows("select * from medical_records", &[]).await;
    assert_eq!(after, before);
    // The last day is in time, and the day after it is overdue.
    for (days, is_overdue) in [(60, false), (1, true)] {
        super::age(world, id, days).await;
        let read = vera.get(&amendment_path(id, "")).await.expect(200);
        assert_eq!(read.body["is_overdue"], is_overdue);
    }
}

#[tokio::test]
async fn a_representative_requests_and_a_nurse_records_a_letter_of_an_earlier_day() {
    let chart = Chart::new().await;
    let (world, ada) = (&chart.world, &chart.ada);
    let (paul, nora) = (world.user("PATIENT", "Paul").await, chart.nurse().await);
    world.represent(paul.user, ada, None).await;
    let answer = paul.post(AMENDMENTS, request(ada.id, chart.note)).await;
    let answer = answer.expect(201);
    assert_eq!(answer.body["requester"], "REPRESENTATIVE");
    let expected = row(&paul, ada.id).resource(answer.id());
    let entry = world.audited(&answer, expected).await.entry;
    assert_eq!(entry.relation, Some(Relation::Representation));

    let mut letter = request(ada.id, chart.note);
    letter["received_on"] = json!(clinic_day(world, -5).await);
    for caller in [&nora, &*chart.vera] {
        let answer = caller.post(AMENDMENTS, letter.clone()).await.expect(201);
        assert_eq!(answer.body["requester"], "STAFF");
        assert_eq!(answer.body["recorded_by"], json!(caller.user));
        // The clock begins with the receipt, not with the recording.
        assert_eq!(answer.body["due_on"], json!(clinic_day(world, 55).await));
        let expected = row(caller, ada.id).resource(answer.id());
        world.audited(&answer, expected).await;
    }
    letter["received_on"] = json!(clinic_day(world, 1).await);
    let failed = row(&nora, ada.id).attempted();
    world
        .invalid(nora.post(AMENDMENTS, letter.clone()), "received_on", failed)
        .await;
    // What a patient sends is received when it arrives.
    letter["received_on"] = json!(clinic_day(world, -5).await);
    let failed = row(ada, ada.id).attempted();
    world
        .invalid(ada.post(AMENDMENTS, letter), "received_on", failed)
        .await;
}

#[tokio::test]
async fn what_the_requester_can_not_read_can_not_be_named() {
    let chart = Chart::new().await;
    let Chart {
        world,
        ada,
        vera,
        note,
    } = &chart;
    let (ben, walt) = (world.patient("Ben").await, world.provider("Walt").await);
    let held = world.note(ada, vera, "Later.").await;
    world.hold(held, vera, "1 day").await;
    let archived = world.archived_record(ada, vera, "2026-01-07T09:00Z").await;
    let of_ben = world.note(&ben, &walt, "Well.").await;
    let held_file = world.uploaded(ada, "image/png", files::PNG).await;
    let attach = "update file_metadata set record_id = $2 where id = $1";
    world.sql(attach, &[&held_file, &held]).await;
    let mut file = request(ada.id, held);
    file["record_id"] = Value::Null;
    file["file_id"] = json!(held_file);
    let mut answers = Vec::new();
    for body in [
        request(ada.id, held),
        request(ada.id, archived),
        request(ada.id, of_ben),
        request(ada.id, Uuid::now_v7()),
        file,
    ] {
        let denied = row(ada, ada.id).attempted().denied("not-found");
        answers.push(world.refused(ada.post(AMENDMENTS, body), 404, denied).await);
    }
    // A held record is told from an absent one by nobody.
    for answer in &answers {
        answer.same_as(&answers[3]);
    }
    // Somebody else's chart is out of reach, for a patient and for a provider without care.
    let denied = row(&ben, ada.id).attempted().denied("not-found");
    world
        .refused(ben.post(AMENDMENTS, request(ada.id, *note)), 404, denied)
        .await;
    let denied = row(&walt, ada.id).attempted().denied("not-found");
    world
        .refused(walt.post(AMENDMENTS, request(ada.id, *note)), 404, denied)
        .await;
    // The text of a request is clinical content, so these roles record none.
    let (admin, fred) = (world.admin().await, world.user("FRONT_DESK", "Fred").await);
    for caller in [&admin, &fred, &world.officer().await] {
        let denied = row(caller, ada.id).attempted().denied("forbidden");
        world
            .refused(caller.post(AMENDMENTS, request(ada.id, *note)), 403, denied)
            .await;
    }
    // The provider who withholds the record reads it, and records what the patient wrote without knowing it.
    vera.post(AMENDMENTS, request(ada.id, held))
        .await
        .expect(201);
}

#[tokio::test]
async fn an_entry_is_one_record_one_file_or_one_part_of_the_profile() {
    let chart = Chart::new().await;
    let (world, ada) = (&chart.world, &chart.ada);
    let file = world.uploaded(ada, "image/png", files::PNG).await;
    let entry = |record: Option<Uuid>, file: Option<Uuid>, field: Option<&str>| {
        let mut body = request(ada.id, chart.note);
        body["record_id"] = json!(record);
        body["file_id"] = json!(file);
        body["profile_field"] = json!(field);
        body
    };
    for (body, field, value) in [
        (entry(None, Some(file), None), "file_id", json!(file)),
        (
            entry(None, None, Some("ALLERGIES")),
            "profile_field",
            json!("ALLERGIES"),
        ),
    ] {
        let answer = ada.post(AMENDMENTS, body).await.expect(201);
        assert_eq!(answer.body[field], value);
        assert_eq!(answer.body["record_id"], Value::Null);
        let expected = row(ada, ada.id).resource(answer.id());
        world.audited(&answer, expected).await;
    }
    let long = "x".repeat(4001);
    let with = |field: &str, value: Value| {
        let mut body = entry(Some(chart.note), None, None);
        body[field] = value;
        body
    };
    for (body, field) in [
        (entry(None, None, None), "record_id"),
        (entry(Some(chart.note), Some(file), None), "record_id"),
        (entry(Some(chart.note), None, Some("NAME")), "record_id"),
        (entry(None, None, Some("MOOD")), "profile_field"),
        (with("statement", json!("")), "statement"),
        (with("correction", json!(long)), "correction"),
        (with("reason", Value::Null), "reason"),
        (with("received_on", json!("2026-02-30")), "received_on"),
    ] {
        let failed = row(ada, ada.id).attempted().so_far();
        world
            .invalid(ada.post(AMENDMENTS, body), field, failed)
            .await;
    }
}

#[tokio::test]
async fn beyond_a_hundred_open_requests_a_patient_waits_for_a_decision() {
    let chart = Chart::new().await;
    let (world, ada) = (&chart.world, &chart.ada);
    let ids: Vec<Uuid> = (0..100).map(|_| Uuid::now_v7()).collect();
    let many = "insert into amendments (id, patient_id, record_id, statement, correction, reason)
                select unnest($1::uuid[]), $2, $3, 'a', 'b', 'c'";
    // The limit counts what was there before a statement.
    world.sql(many, &[&ids, &ada.id, &chart.note]).await;
    let failed = row(ada, ada.id).attempted().failed("conflict");
    let another = || request(ada.id, chart.note);
    world
        .refused(ada.post(AMENDMENTS, another()), 409, failed)
        .await;
    let path = amendment_path(ids[0], "/accept");
    let accept = json!({"addendum": "Never smoked"});
    chart.vera.post(&path, accept).await.expect(200);
    ada.post(AMENDMENTS, another()).await.expect(201);
}
