//! `POST /v1/amendments/received`

use tests::audit::Expected;
use tests::prelude::*;

use super::{Chart, amendment_path, clinic_day};

const RECEIVED: &str = "/v1/amendments/received";

fn row(caller: &Actor, patient: Uuid) -> Expected {
    let row = audit("receive-amendment", "CREATE", "AMENDMENT").by(caller);
    row.patient(patient)
}

fn told(chart: &Chart) -> Value {
    json!({
        "patient_id": chart.ada.id, "record_id": chart.note, "told_by": "Sample Hospital",
        "addendum": "The patient has never smoked."
    })
}

#[tokio::test]
async fn what_another_entity_told_stands_beside_the_entry_like_an_accepted_amendment() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let mut body = told(&chart);
    body["received_on"] = json!(clinic_day(world, -2).await);
    let answer = vera.post(RECEIVED, body).await.expect(201);
    let id = answer.id();
    assert_eq!(answer.header("location"), amendment_path(id, ""));
    for (field, value) in [
        ("origin", json!("OTHER_ENTITY")),
        ("status", json!("ACCEPTED")),
        ("told_by", json!("Sample Hospital")),
        ("addendum", json!("The patient has never smoked.")),
        ("received_on", json!(clinic_day(world, -2).await)),
        ("due_on", Value::Null),
        ("is_overdue", json!(false)),
        ("requester", Value::Null),
        ("recorded_by", json!(vera.user)),
        ("decided_by", json!(vera.user)),
    ] {
        assert_eq!(answer.body[field], value, "{field}");
    }
    world.audited(&answer, row(vera, ada.id).resource(id)).await;
    let read = ada.get(&amendment_path(id, "")).await.expect(200);
    assert_eq!(read.body["addendum"], "The patient has never smoked.");
    let record = format!("/v1/medical-records/{}", chart.note);
    let record = ada.get(&record).await.expect(200);
    assert_eq!(
        record.body["amendments"],
        json!([{"id": id, "status": "ACCEPTED"}])
    );
    // There is no request to decide about.
    let accept = json!({"addendum": "Never smoked"});
    let path = amendment_path(id, "/accept");
    vera.post(&path, accept).await.problem(409, "conflict");
}

#[tokio::test]
async fn it_needs_an_entry_that_the_caller_reads_and_somebody_who_decides() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let walt = world.provider("Walt").await;
    let denied = row(&walt, ada.id).attempted().denied("not-found");
    world
        .refused(walt.post(RECEIVED, told(&chart)), 404, denied)
        .await;
    for caller in [&**ada, &chart.nurse().await, &world.admin().await] {
        let denied = row(caller, ada.id).attempted().denied("forbidden");
        world
            .refused(caller.post(RECEIVED, told(&chart)), 403, denied)
            .await;
    }
    let with = |field: &str, value: Value| {
        let mut body = told(&chart);
        body[field] = value;
        body
    };
    for (body, field) in [
        (with("record_id", Value::Null), "record_id"),
        (with("told_by", json!("")), "told_by"),
        (with("addendum", Value::Null), "addendum"),
        (
            with("received_on", json!(clinic_day(world, 1).await)),
            "received_on",
        ),
    ] {
        let failed = row(vera, ada.id).attempted().so_far();
        world
            .invalid(vera.post(RECEIVED, body), field, failed)
            .await;
    }
}
