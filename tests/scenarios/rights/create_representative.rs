//! `POST /v1/representatives`

use tests::audit::Expected;
use tests::prelude::*;

use super::{REPRESENTATIVES, guardian, reads, step};

fn row() -> Expected {
    audit("create-representative", "CREATE", "REPRESENTATIVE")
}

#[tokio::test]
async fn a_representation_is_entered_with_its_evidence_and_gives_no_right_yet() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, fred) = (
        world.user("PATIENT", "Paul").await,
        world.user("FRONT_DESK", "Fred").await,
    );
    let entered = fred
        .post(REPRESENTATIVES, guardian(&kim, paul.user))
        .await
        .expect(201);
    let id = entered.id();
    for (field, value) in [
        ("patient_id", json!(kim.id)),
        ("user_id", json!(paul.user)),
        ("first_name", json!("Paul")),
        ("basis", json!("GUARDIAN")),
        ("scope", json!("ALL")),
        ("status", json!("UNCONFIRMED")),
        ("until", Value::Null),
        ("acts_until", Value::Null),
        ("evidence", json!("The court order of 4 May was seen")),
        ("created_by", json!(fred.user)),
        ("confirmed_at", Value::Null),
        ("ended_at", Value::Null),
    ] {
        assert_eq!(entered.body[field], value, "{field}");
    }
    assert_eq!(
        entered.header("location"),
        step(id, "").trim_end_matches('/')
    );
    let expected = row().by(&fred).resource(id).patient(kim.id);
    let expected = expected.detail("representative_user_id", json!(paul.user));
    world.audited(&entered, expected).await;
    assert!(!reads(&paul, &kim).await);

    // The user represents the patient on one basis at a time.
    let failed = row().by(&fred).attempted().patient(kim.id);
    let failed = failed.detail("representative_user_id", json!(paul.user));
    let again = fred.post(REPRESENTATIVES, guardian(&kim, paul.user));
    world.refused(again, 409, failed.failed("conflict")).await;
}

#[tokio::test]
async fn nobody_enters_a_representation_for_themself_and_only_staff_enters_any() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (fred, vera) = (
        world.user("FRONT_DESK", "Fred").await,
        world.provider("Vera").await,
    );
    let denied = row().by(&fred).attempted().patient(kim.id);
    let denied = denied.detail("representative_user_id", json!(fred.user));
    let oneself = fred.post(REPRESENTATIVES, guardian(&kim, fred.user));
    world
        .refused(oneself, 403, denied.denied("forbidden"))
        .await;
    for caller in [&*kim, &*vera, &world.officer().await] {
        let denied = row().by(caller).attempted().patient(kim.id);
        let denied = denied.detail("representative_user_id", json!(fred.user));
        let entered = caller.post(REPRESENTATIVES, guardian(&kim, fred.user));
        world
            .refused(entered, 403, denied.denied("forbidden"))
            .await;
    }
}

#[tokio::test]
async fn a_basis_must_fit_the_age_and_the_death_of_the_patient() {
    let world = World::new().await;
    let (kim, adult, dead) = (
        world.patient("Kim").await,
        world.patient("Ada").await,
        world.patient("Ben").await,
    );
    world.rejuvenate(&kim, 9).await;
    let die = "update patients set deceased = '{\"at\": \"2026-01-02\"}' where id = $1";
    world.sql(die, &[&dead.id]).await;
    let fred = world.user("FRONT_DESK", "Fred").await;
    for (patient, basis, fits) in [
        (&kim, "PARENT", true),
        (&kim, "GUARDIAN", true),
        (&kim, "EXECUTOR", false),
        (&adult, "PARENT", false),
        (&adult, "GUARDIAN", true),
        (&adult, "HEALTH_CARE_PROXY", true),
        (&adult, "EXECUTOR", false),
        (&dead, "EXECUTOR", true),
        (&dead, "GUARDIAN", false),
        (&dead, "HEALTH_CARE_PROXY", false),
    ] {
        let user = world.user("PATIENT", "Paul").await.user;
        let mut new = guardian(patient, user);
        new["basis"] = json!(basis);
        if fits {
            fred.post(REPRESENTATIVES, new).await.expect(201);
            continue;
        }
        let failed = row().by(&fred).attempted().patient(patient.id);
        let failed = failed.detail("representative_user_id", json!(user));
        let entered = fred.post(REPRESENTATIVES, new);
        world.invalid(entered, "basis", failed).await;
    }
}

#[tokio::test]
async fn bad_input_is_refused_with_its_field_and_an_unknown_patient_is_not_found() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, fred) = (
        world.user("PATIENT", "Paul").await,
        world.user("FRONT_DESK", "Fred").await,
    );
    for (field, value) in [
        ("user_id", json!(Uuid::now_v7())),
        ("user_id", json!(kim.user)),
        ("until", json!("2020-01-01T00:00:00Z")),
    ] {
        let mut new = guardian(&kim, paul.user);
        new[field] = value.clone();
        let failed = row().by(&fred).attempted().patient(kim.id);
        let failed = failed.detail("representative_user_id", new["user_id"].clone());
        let entered = fred.post(REPRESENTATIVES, new);
        world.invalid(entered, field, failed).await;
    }
    let mut new = guardian(&kim, paul.user);
    new["patient_id"] = json!(Uuid::now_v7());
    fred.post(REPRESENTATIVES, new)
        .await
        .problem(404, "not-found");
    for (field, value) in [("scope", json!("WRITE")), ("evidence", json!(""))] {
        let mut new = guardian(&kim, paul.user);
        new[field] = value;
        let entered = fred.post(REPRESENTATIVES, new);
        world.invalid(entered, field, row().by(&fred)).await;
    }
}

#[tokio::test]
async fn a_representation_that_has_lapsed_makes_room_for_another() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, fred) = (
        world.user("PATIENT", "Paul").await,
        world.user("FRONT_DESK", "Fred").await,
    );
    let former = world.represent(paul.user, &kim, Some("1 day")).await;
    let lapse = "update representatives set since = now() - interval '2 days', until = now() - interval '1 day'
                 where id = $1";
    world.sql(lapse, &[&former]).await;
    fred.post(REPRESENTATIVES, guardian(&kim, paul.user))
        .await
        .expect(201);
    let ended = "select ended_at = until as lapsed, ended_by from representatives where id = $1";
    let ended = world.row(ended, &[&former]).await;
    assert_eq!(ended, json!({"lapsed": true, "ended_by": null}));
}
