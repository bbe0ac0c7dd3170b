//! `PUT /v1/patients/{id}/care/{user_id}`

use domain::time::{TimeDelta, Timestamp};
use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

fn path(patient: Uuid, user: Uuid) -> String {
    format!("/v1/patients/{patient}/care/{user}")
}

fn in_days(days: i64) -> String {
    (Timestamp::now() + TimeDelta::days(days)).to_string()
}

async fn grant(caller: &Actor, patient: Uuid, user: Uuid, basis: &str, until: &str) -> Answer {
    let body = json!({"basis": basis, "until": until});
    caller
        .send(Method::PUT, &path(patient, user), Some(body))
        .await
}

/// The row of a grant to this user, which a failed grant has too.
fn row(caller: &Actor, patient: Uuid, user: Uuid, basis: &str, until: &str) -> Expected {
    let row = audit("grant-care", "UPDATE", "PATIENT").by(caller);
    let row = row.resource(patient).patient(patient);
    row.giving_care(user, basis, Some(until))
}

#[tokio::test]
async fn a_nurse_who_covers_sees_the_chart_until_the_cover_ends() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let nora = world.user("NURSE", "Nora").await;
    world.assign(&ada, &vera).await;
    let record = world.note(&ada, &vera, "Well.").await;
    let (chart, record) = (
        format!("/v1/patients/{}", ada.id),
        format!("/v1/medical-records/{record}"),
    );
    nora.get(&chart).await.problem(404, "not-found");

    let until = in_days(7);
    let body = json!({"basis": "COVER", "until": until, "reason": "Night shift"});
    let answer = vera
        .send(Method::PUT, &path(ada.id, nora.user), Some(body))
        .await
        .expect(200);
    let member = &answer.body["members"][0];
    assert_eq!(member["user_id"], json!(nora.user));
    assert_eq!(member["until"], until);
    assert_eq!(member["reason"], "Night shift");
    let expected = row(&vera, ada.id, nora.user, "COVER", &until);
    world.audited(&answer, expected).await;
    let stored = world
        .row(
            "select patient_id, basis, created_by, is_suspended, since <= now() as begun
             from care_relations where member_id = $1",
            &[&nora.user],
        )
        .await;
    let created_by = vera.user;
    assert_eq!(
        stored,
        json!({
            "patient_id": ada.id, "basis": "COVER", "created_by": created_by, "is_suspended": false,
            "begun": true
        })
    );

    let seen = nora.get(&chart).await.expect(200);
    assert_eq!(seen.body["allergies"][0]["criticality"], "high");
    assert_eq!(nora.get("/v1/patients").await.ids(), [ada.id]);
    nora.get(&record).await.expect(200);
    let body = json!({"patient_id": ada.id, "record_type": "NOTE", "content": {"text": "Slept."}});
    let written = nora.post("/v1/medical-records", body).await.expect(201);
    assert_eq!(written.body["provider_id"], Value::Null);

    let ended = "update care_relations set until = now() where member_id = $1";
    world.sql(ended, &[&nora.user]).await;
    nora.get(&chart).await.problem(404, "not-found");
    nora.get(&record).await.problem(404, "not-found");
    assert!(nora.get("/v1/patients").await.ids().is_empty());
}

#[tokio::test]
async fn another_grant_replaces_the_end_of_the_one_before() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let desk = world.user("FRONT_DESK", "Fred").await;
    let ends = [in_days(7), in_days(300), in_days(3)];
    for until in &ends {
        let answer = grant(&desk, ada.id, vera.user, "REFERRAL", until).await;
        let answer = answer.expect(200);
        let members = answer.body["members"].as_array().unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!(members[0]["until"], json!(until));
    }
    vera.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
}

#[tokio::test]
async fn nobody_grants_care_to_themselves() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    // The office of this practice also treats patients.
    let permissions = json!({"care:write": "ALL", "care:read": "ALL", "patients:read": "ALL"});
    let body = json!({"description": "Office", "permissions": permissions});
    let made = admin.send(Method::PUT, "/v1/roles/OFFICE", Some(body));
    made.await.expect(200);
    let olga = world.user("OFFICE", "Olga").await;
    let treats = "insert into role_permissions values ('OFFICE', 'records:read', 'CARE')";
    world.sql(treats, &[]).await;
    let until = in_days(7);
    for caller in [&*vera, &olga] {
        let denied = row(caller, ada.id, caller.user, "COVER", &until).denied("forbidden");
        let answer = world
            .refused(
                grant(caller, ada.id, caller.user, "COVER", &until),
                403,
                denied,
            )
            .await;
        assert_eq!(
            answer.body["detail"],
            "Nobody can give care to themselves. Ask another user to do it."
        );
    }
    // Nor do they prolong what another granted.
    let renewed = grant(&olga, ada.id, vera.user, "COVER", &until).await;
    renewed.expect(200);
    let longer = in_days(20);
    grant(&vera, ada.id, vera.user, "COVER", &longer)
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn only_active_users_whose_role_treats_patients_are_given_care() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let (desk, nora) = (
        world.user("FRONT_DESK", "Fred").await,
        world.user("NURSE", "Nora").await,
    );
    world
        .sql(
            "update user_profiles set status = 'SUSPENDED' where id = $1",
            &[&nora.user],
        )
        .await;
    let until = in_days(7);
    for user in [ada.user, desk.user, nora.user, Uuid::now_v7()] {
        let failed = row(&admin, ada.id, user, "COVER", &until);
        world
            .invalid(
                grant(&admin, ada.id, user, "COVER", &until),
                "user_id",
                failed,
            )
            .await;
    }
}

#[tokio::test]
async fn an_end_in_the_past_or_too_far_ahead_and_other_bases_are_refused() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let vera = world.provider("Vera").await;
    for until in [in_days(-1), in_days(367)] {
        let failed = row(&admin, ada.id, vera.user, "REFERRAL", &until);
        world
            .invalid(
                grant(&admin, ada.id, vera.user, "REFERRAL", &until),
                "until",
                failed,
            )
            .await;
    }
    for basis in ["VISIT", "ASSIGNMENT", "FRIENDSHIP"] {
        let answer = grant(&admin, ada.id, vera.user, basis, &in_days(1)).await;
        answer.invalid("basis");
    }
}

#[tokio::test]
async fn an_unverified_providers_grant_begins_suspended() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let vera = world.provider("Vera").await;
    world
        .sql("update providers set is_verified = false", &[])
        .await;
    let answer = grant(&admin, ada.id, vera.user, "REFERRAL", &in_days(7)).await;
    let answer = answer.expect(200);
    assert_eq!(answer.body["members"][0]["is_suspended"], true);
    let chart = format!("/v1/patients/{}", ada.id);
    vera.get(&chart).await.problem(404, "not-found");
    world
        .sql("update providers set is_verified = true", &[])
        .await;
    vera.get(&chart).await.expect(200);
}

#[tokio::test]
async fn a_caller_without_the_patient_in_their_care_grants_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    let until = in_days(7);
    let denied = row(&vera, ada.id, walt.user, "COVER", &until);
    world
        .out_of_reach(denied, async |id| {
            grant(&vera, id, walt.user, "COVER", &until).await
        })
        .await;
    let denied = row(&ada, ada.id, walt.user, "COVER", &until).without("care");
    world
        .refused(
            grant(&ada, ada.id, walt.user, "COVER", &until),
            403,
            denied
                .giving_care(walt.user, "COVER", Some(&until))
                .denied("forbidden"),
        )
        .await;
}
