//! A read by a caller whom the environment knows takes one round trip: its audit row goes along. What the
//! environment knows gives no right, and may be out of date.

use std::time::Duration;

use tests::audit::Expected;
use tests::prelude::*;

const READ: &str = "get-patient";

fn read() -> Expected {
    audit(READ, "READ", "PATIENT")
}

fn chart(patient: &Patient) -> String {
    format!("/v1/patients/{}", patient.id)
}

#[tokio::test]
async fn a_known_caller_whose_care_ended_is_denied_and_the_chain_goes_on() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.grant(&ada, vera.user, "COVER", "1 day").await;
    for _ in 0..2 {
        let answer = vera.get(&chart(&ada)).await.expect(200);
        let done = read().by(&vera).resource(ada.id).patient(ada.id);
        world.audited(&answer, done).await;
    }

    world
        .sql("update care_relations set until = now()", &[])
        .await;
    let answer = vera.get(&chart(&ada)).await.problem(404, "not-found");
    let denied = read().by(&vera).resource(ada.id).patient(ada.id);
    world.audited(&answer, denied.denied("not-found")).await;

    ada.get(&chart(&ada)).await.expect(200);
    assert_eq!(world.verify_chains().await, 4);
    let log = world.audit_log().await;
    assert!(
        log.iter()
            .all(|row| row.position.chain_id == log[0].position.chain_id)
    );
}

#[tokio::test]
async fn a_known_caller_who_was_suspended_is_denied() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for _ in 0..2 {
        ada.get(&chart(&ada)).await.expect(200);
    }
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    world.sql(suspend, &[&ada.user]).await;
    for _ in 0..2 {
        let answer = ada.get(&chart(&ada)).await.problem(403, "forbidden");
        let denied = read().by(&ada).attempted().resource(ada.id).patient(ada.id);
        world.audited(&answer, denied.denied("forbidden")).await;
    }
    assert_eq!(world.verify_chains().await, 4);
}

#[tokio::test]
async fn a_known_caller_with_another_role_acts_in_it_and_the_audit_row_says_so() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.grant(&ada, vera.user, "COVER", "1 day").await;
    for (reach, expected) in [("ALL", "OFFICE"), ("CARE", "CARE"), ("ALL", "OFFICE")] {
        world
            .redefine("PROVIDER", json!({"patients:read": reach}))
            .await;
        let answer = vera.get(&chart(&ada)).await.expect(200);
        let row = &world.audit_of(&answer).await[0];
        let relation = row.entry.relation.map(|relation| relation.label());
        assert_eq!(relation, Some(expected));
    }
}

#[tokio::test]
async fn a_known_caller_who_became_a_patient_is_named_as_one() {
    let world = World::new().await;
    let ben = world.user("PATIENT", "Ben").await;
    for _ in 0..2 {
        let answer = ben.get("/v1/me").await.expect(200);
        let me = audit("get-me", "READ", "USER").by(&ben).resource(ben.user);
        world.audited(&answer, me).await;
    }
    let make = "insert into patients (id, user_id, patient_number, date_of_birth, gender)
                values ($1, $2, 'B-1', '1990-01-01', 'other')";
    let id = Uuid::new_v4();
    world.sql(make, &[&id, &ben.user]).await;
    for _ in 0..2 {
        let answer = ben.get("/v1/me").await.expect(200);
        assert_eq!(answer.body["patient_id"], json!(id));
        let me = audit("get-me", "READ", "USER").by(&ben).resource(ben.user);
        world.audited(&answer, me.patient(id)).await;
    }
}

#[tokio::test]
async fn a_known_callers_bad_request_is_refused_before_anything_is_read() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get("/v1/me").await.expect(200);
    let answer = ada.get("/v1/me?colour=red").await.problem(422, "invalid");
    let failed = audit("get-me", "READ", "USER").by(&ada).attempted();
    let failed = failed.resource(ada.user).patient(ada.id).failed("invalid");
    world.audited(&answer, failed).await;
}

#[tokio::test]
async fn a_read_is_answered_only_if_its_row_is_known_to_be_committed() {
    for (cut, status, outcome) in [
        (Cut::Before("append_audit"), 503, "FAILURE"),
        (Cut::SilentBefore("append_audit"), 503, "FAILURE"),
        // The row is committed, but what was read is lost.
        (Cut::After("append_audit"), 503, "SUCCESS"),
        (Cut::SilentAfter("append_audit"), 503, "SUCCESS"),
    ] {
        let world = World::with(Setup {
            link: true,
            timeout: Some(Duration::from_secs(3)),
            ..Setup::default()
        })
        .await;
        let ada = world.patient("Ada").await;
        ada.get(&chart(&ada)).await.expect(200);
        world.link().cut([cut]);
        let answer = ada.get(&chart(&ada)).await;
        assert!(world.link().was_cut(), "{cut:?}");
        assert_eq!(answer.status, status, "{cut:?} {}", answer.text);
        // A read can be sent again, whatever became of it.
        assert_eq!(answer.header("retry-after"), "1", "{cut:?}");
        let rows = world.audit_of(&answer).await;
        let outcomes: Vec<_> = rows.iter().map(|row| row.entry.outcome.label()).collect();
        assert_eq!(outcomes, [outcome], "{cut:?}");
        ada.get(&chart(&ada)).await.expect(200);
        assert_eq!(world.verify_chains().await, 3, "{cut:?}");
    }
}
