//! `POST /v1/exports`

use tests::prelude::*;

use super::clinic_day;
use super::exports::{EXPORTS, age_exports, build, downloaded, export_path, requested_by, text};

#[tokio::test]
async fn a_patient_requests_their_data_and_thirty_days_begin() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;

    let answer = ada.post(EXPORTS, json!({"patient_id": ada.id})).await;
    let answer = answer.expect(201);
    let id = answer.id();
    assert_eq!(answer.header("location"), export_path(id, ""));
    assert_eq!(answer.body["status"], "REQUESTED");
    assert_eq!(answer.body["requested_by"], json!(ada.user));
    assert_eq!(answer.body["received_on"], clinic_day(&world, 0).await);
    assert_eq!(answer.body["due_on"], clinic_day(&world, 30).await);
    assert_eq!(answer.body["is_overdue"], false);
    assert_eq!(answer.body["fee_cents"], 0);
    let row = audit("create-export", "CREATE", "EXPORT").by(&ada);
    world
        .audited(&answer, row.resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn a_repeated_request_attaches_and_never_resets_the_clock() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let desk = world.user("FRONT_DESK", "Dora").await;
    let first = requested_by(&ada, &ada).await;
    age_exports(&world, 20).await;
    let due = clinic_day(&world, 10).await;

    for caller in [&*ada, &desk] {
        let again = caller.post(EXPORTS, json!({"patient_id": ada.id})).await;
        let again = again.expect(201);
        assert_eq!(again.body["status"], "ATTACHED");
        assert_eq!(again.body["attached_to"], json!(first));
        assert_eq!(again.body["due_on"], due.as_str());
    }
    let first = ada.get(&export_path(first, "")).await.expect(200);
    assert_eq!(first.body["due_on"], due.as_str());

    // What was answered is over: the next request has a clock of its own.
    build(&world).await.unwrap();
    let next = ada.post(EXPORTS, json!({"patient_id": ada.id})).await;
    assert_eq!(
        next.expect(201).body["due_on"],
        clinic_day(&world, 30).await
    );
}

#[tokio::test]
async fn staff_record_a_letter_with_its_day_and_a_third_party_and_a_fee_holds_nothing_up() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let desk = world.user("FRONT_DESK", "Dora").await;
    let yesterday = clinic_day(&world, -1).await;
    let body = json!({
        "patient_id": ada.id, "received_on": yesterday,
        "recipient": {"name": "Sample Insurance", "address": "records@insurance.example", "signed_on": yesterday},
        "fee": {"cents": 250, "reason": "Postage"}
    });

    let answer = desk.post(EXPORTS, body.clone()).await.expect(201);
    assert_eq!(answer.body["received_on"], yesterday.as_str());
    assert_eq!(answer.body["due_on"], clinic_day(&world, 29).await);
    assert_eq!(answer.body["recipient_name"], "Sample Insurance");
    assert_eq!(answer.body["fee_cents"], 250);
    build(&world).await.unwrap();
    let built = desk.get(&export_path(answer.id(), "")).await.expect(200);
    assert_eq!(built.body["status"], "READY");

    // The patient says neither when the clinic received something nor what it costs.
    let mut own = body.clone();
    own["fee"] = Value::Null;
    ada.post(EXPORTS, own).await.invalid("received_on");
    let mut own = body;
    own["received_on"] = Value::Null;
    ada.post(EXPORTS, own).await.invalid("fee");
    let tomorrow = clinic_day(&world, 1).await;
    for (field, body) in [
        (
            "received_on",
            json!({"patient_id": ada.id, "received_on": tomorrow}),
        ),
        (
            "fee.cents",
            json!({"patient_id": ada.id, "fee": {"cents": 0, "reason": "Search"}}),
        ),
        (
            "recipient.signed_on",
            json!({"patient_id": ada.id, "recipient": {"name": "x", "address": "x", "signed_on": tomorrow}}),
        ),
    ] {
        desk.post(EXPORTS, body).await.invalid(field);
    }
}

#[tokio::test]
async fn a_representative_requests_for_their_child_and_nobody_for_a_stranger() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let kim = world.patient("Kim").await;
    world.represent(ada.user, &kim, None).await;

    let id = requested_by(&ada, &kim).await;
    let answer = ada.get(&export_path(id, "")).await.expect(200);
    assert_eq!(answer.body["patient_id"], json!(kim.id));
    ben.get(&export_path(id, ""))
        .await
        .problem(404, "not-found");
    let stranger = ben.post(EXPORTS, json!({"patient_id": kim.id})).await;
    stranger.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_kept_from_a_representative_is_not_in_their_package_nor_counted_there() {
    let world = World::new().await;
    let (ada, kim) = (world.patient("Ada").await, world.patient("Kim").await);
    let vera = world.provider("Vera").await;
    world.assign(&kim, &vera).await;
    world.represent(ada.user, &kim, None).await;
    world.note(&kim, &vera, "A broken arm.").await;
    let secret = world.note(&kim, &vera, "In confidence.").await;
    world.shield(secret, &vera).await;

    let of_parent = requested_by(&ada, &kim).await;
    let of_child = requested_by(&kim, &kim).await;
    build(&world).await.unwrap();

    for (caller, id, sees) in [(&ada, of_parent, false), (&kim, of_child, true)] {
        let summary = text(&downloaded(caller, id).await, "summary.html");
        assert!(summary.contains("A broken arm."));
        assert_eq!(summary.contains("In confidence."), sees);
        let export = caller.get(&export_path(id, "")).await.expect(200);
        assert_eq!(export.body["entries_total"], if sees { 2 } else { 1 });
        assert_eq!(export.body["exclusions"], json!([]));
    }
    // Each reads their own request and not the other's.
    for (caller, id) in [(&ada, of_child), (&kim, of_parent)] {
        for step in ["", "/package", "/letter"] {
            let answer = caller.get(&export_path(id, step)).await;
            answer.problem(404, "not-found");
        }
        assert!(!caller.get(EXPORTS).await.expect(200).ids().contains(&id));
    }
}
