//! Amendments show beside their entry, and travel with it.

use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

use super::{AMENDMENTS, Chart, amendment_path, request};

#[tokio::test]
async fn a_record_says_that_it_has_amendments_wherever_it_is_read() {
    let chart = Chart::new().await;
    let Chart {
        world,
        ada,
        vera,
        note,
    } = &chart;
    let path = format!("/v1/medical-records/{note}");
    let before = ada.get(&path).await.expect(200);
    assert_eq!(before.body["amendments"], json!([]));
    assert_eq!(before.header("etag"), "\"1\"");
    let (first, second) = (chart.requested().await, chart.denied().await);
    let links = json!([{"id": second, "status": "DENIED"}, {"id": first, "status": "REQUESTED"}]);
    for caller in [&**ada, &**vera] {
        let read = caller.get(&path).await.expect(200);
        assert_eq!(read.body["amendments"], links);
        // A cached record would hide a new amendment.
        assert_eq!(read.header("etag"), "");
        assert_eq!(read.body["version"], 1);
        let list = caller.get("/v1/medical-records").await.expect(200);
        assert_eq!(list.body["items"][0]["amendments"], links);
    }
    // Whoever changes the record sees it, too, and names the version of the body.
    let change = json!({"notes": "Never smoked", "change_reason": "Amended"});
    let changed = vera.patch(&path, 1, change).await.expect(200);
    assert_eq!(changed.body["amendments"], links);
    // Those of another record are not among them.
    let other = world.note(ada, vera, "Well.").await;
    let read = ada.get(&format!("/v1/medical-records/{other}")).await;
    assert_eq!(read.body["amendments"], json!([]));
}

#[tokio::test]
async fn a_file_and_a_profile_say_it_too_and_only_to_those_who_read_amendments() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let file = world.uploaded(ada, "image/png", files::PNG).await;
    let mut about = Vec::new();
    for (field, value) in [
        ("file_id", json!(file)),
        ("profile_field", json!("ALLERGIES")),
    ] {
        let mut body = request(ada.id, chart.note);
        body["record_id"] = Value::Null;
        body[field] = value;
        about.push(ada.post(AMENDMENTS, body).await.expect(201).id());
    }
    let [of_file, of_profile] = about[..] else {
        panic!("two amendments")
    };
    let patient = format!("/v1/patients/{}", ada.id);
    for caller in [&**ada, &**vera] {
        let read = caller.get(&format!("/v1/files/{file}")).await.expect(200);
        let links = json!([{"id": of_file, "status": "REQUESTED"}]);
        assert_eq!(read.body["amendments"], links);
        let read = caller.get(&patient).await.expect(200);
        let links = json!([{"id": of_profile, "status": "REQUESTED"}]);
        assert_eq!(read.body["amendments"], links);
        let path = format!("{AMENDMENTS}?file_id={file}");
        assert_eq!(caller.get(&path).await.ids(), [of_file]);
    }
    for role in ["ADMIN", "FRONT_DESK"] {
        let caller = world.user(role, "Otto").await;
        let read = caller.get(&patient).await.expect(200);
        assert_eq!(read.body["amendments"], json!([]));
    }
}

#[tokio::test]
async fn request_denial_disagreement_and_rebuttal_travel_with_the_entry() {
    let chart = Chart::new().await;
    let Chart {
        world,
        ada,
        vera,
        note,
    } = &chart;
    let id = chart.denied().await;
    for (caller, step, body) in [
        (
            &**ada,
            "/disagree",
            json!({"statement": "Nobody asked me."}),
        ),
        (
            &**vera,
            "/rebut",
            json!({"rebuttal": "Two nurses asked you."}),
        ),
    ] {
        caller
            .post(&amendment_path(id, step), body)
            .await
            .expect(200);
    }
    let told = json!({
        "patient_id": ada.id, "record_id": note, "told_by": "Sample Hospital", "addendum": "Never smoked"
    });
    let told = vera.post("/v1/amendments/received", told).await.expect(201);
    let held = world.note(ada, vera, "Later.").await;
    world.amendment(held).await;
    world.hold(held, vera, "1 day").await;

    let travel = "select record_id, amendment from amendments_in_travel($1)";
    let app = world.connect_as(PEOPLE).await;
    for (caller, expected) in [(&**ada, 2), (&**vera, 3)] {
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, caller, "amendments:read")
            .await
            .unwrap();
        let rows = app.query(travel, &[&ada.id]).await.unwrap();
        app.batch_execute("rollback").await.unwrap();
        // What is withheld from the patient doesn't travel for them.
        assert_eq!(rows.len(), expected);
        assert_eq!(rows[0].get::<_, Uuid>(0), *note);
        let first: Value = rows[0].get(1);
        for (field, text) in [
            ("statement", "It says that I smoke."),
            ("correction", "I have never smoked."),
            ("status", "DENIED"),
            ("denial_ground", "ACCURATE_AND_COMPLETE"),
            ("denial_basis", "You told us so twice."),
            ("disagreement", "Nobody asked me."),
            ("rebuttal", "Two nurses asked you."),
        ] {
            assert_eq!(first[field], text, "{field}");
        }
        assert_eq!(first["id"], json!(id));
        let second: Value = rows[1].get(1);
        assert_eq!(second["id"], json!(told.id()));
        assert_eq!(second["told_by"], "Sample Hospital");
        assert_eq!(second["addendum"], "Never smoked");
    }
}
