//! `POST /v1/representatives/{id}/end`

use audit::Relation;
use http::header::CONTENT_TYPE;
use tests::audit::Expected;
use tests::prelude::*;

use super::{acted_as, reads, step};

fn row() -> Expected {
    audit("end-representative", "UPDATE", "REPRESENTATIVE")
}

fn reason() -> Value {
    json!({"reason": "The court withdrew custody"})
}

#[tokio::test]
async fn staff_the_patient_and_the_representative_end_it_at_once_and_once() {
    let world = World::new().await;
    let paul = world.user("PATIENT", "Paul").await;
    let (fred, admin, officer) = (
        world.user("FRONT_DESK", "Fred").await,
        world.admin().await,
        world.officer().await,
    );
    for who in [
        "fred",
        "admin",
        "officer",
        "the patient",
        "the representative",
    ] {
        let kim = world.patient("Kim").await;
        let id = world.represent(paul.user, &kim, None).await;
        assert!(reads(&paul, &kim).await);
        let (caller, relation) = match who {
            "fred" => (&fred, Some(Relation::Office)),
            "admin" => (&admin, Some(Relation::Office)),
            "officer" => (&officer, Some(Relation::Office)),
            "the patient" => (&*kim, Some(Relation::Oneself)),
            // They represent nobody any more when the row is written.
            _ => (&paul, None),
        };
        let path = step(id, "end");
        let ended = caller.post(&path, reason()).await.expect(200);
        assert_eq!(ended.body["status"], "ENDED", "{who}");
        assert_eq!(ended.body["ended_by"], json!(caller.user), "{who}");
        assert_eq!(ended.body["end_reason"], reason()["reason"], "{who}");
        let expected = row().by(caller).resource(id).patient(kim.id);
        let expected = expected.detail("representative_user_id", json!(paul.user));
        acted_as(&world, &ended, expected, relation).await;
        assert!(!reads(&paul, &kim).await, "{who}");

        let failed = row().by(caller).resource(id).patient(kim.id);
        let path = step(id, "end");
        let again = caller.post(&path, reason());
        world.refused(again, 409, failed.failed("conflict")).await;
    }
}

#[tokio::test]
async fn a_repeated_end_is_answered_again_also_to_the_representative() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let paul = world.user("PATIENT", "Paul").await;
    let id = world.represent(paul.user, &kim, None).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let request = paul
            .request(http::Method::POST, &step(id, "end"))
            .header("idempotency-key", "once")
            .header(CONTENT_TYPE, "application/json")
            .body(reason().to_string().into());
        answers.push(paul.send_request(request.unwrap()).await.expect(200));
    }
    assert_eq!(answers[0].body, answers[1].body);
}

#[tokio::test]
async fn a_minor_ends_nobody_who_represents_them_and_the_clinic_does() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    world.rejuvenate(&kim, 16).await;
    let (paul, fred) = (
        world.user("PATIENT", "Paul").await,
        world.user("FRONT_DESK", "Fred").await,
    );
    let id = world.represent(paul.user, &kim, None).await;
    let denied = row().by(&kim).resource(id).patient(kim.id);
    let path = step(id, "end");
    let ended = kim.post(&path, reason());
    world.refused(ended, 403, denied.denied("forbidden")).await;
    assert!(reads(&paul, &kim).await);
    fred.post(&step(id, "end"), reason()).await.expect(200);
    assert!(!reads(&paul, &kim).await);
}

#[tokio::test]
async fn nobody_ends_the_representation_of_others() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, otto) = (
        world.user("PATIENT", "Paul").await,
        world.user("PATIENT", "Otto").await,
    );
    let id = world.represent(paul.user, &kim, None).await;
    // Another representative of the same patient
    world.represent(otto.user, &kim, None).await;
    let stranger = world.patient("Ada").await;
    for caller in [&otto, &*stranger] {
        let hidden = row().by(caller).resource(id).patient(kim.id);
        let request = async |id| caller.post(&step(id, "end"), reason()).await;
        world.out_of_reach(hidden, request).await;
    }
    let vera = world.provider("Vera").await;
    let denied = row().by(&vera).resource(id).patient(kim.id);
    let path = step(id, "end");
    let ended = vera.post(&path, reason());
    world.refused(ended, 403, denied.denied("forbidden")).await;
    let failed = row().by(&paul).so_far().resource(id).patient(kim.id);
    let path = step(id, "end");
    let without = paul.post(&path, json!({}));
    world.invalid(without, "reason", failed).await;
}
