//! `GET /v1/patients/{id}/care`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-care-team", "READ", "PATIENT")
}

fn path(patient: Uuid) -> String {
    format!("/v1/patients/{patient}/care")
}

#[tokio::test]
async fn patient_team_and_office_see_who_is_in_care_and_until_when() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (nora, desk) = (
        world.user("NURSE", "Élodie").await,
        world.user("FRONT_DESK", "Fred").await,
    );
    world.assign(&ada, &vera).await;
    for start in ["2030-01-07T09:00Z", "2030-01-09T09:00Z"] {
        world.visit(&ada, &vera, start, "SCHEDULED").await;
    }
    world.grant(&ada, nora.user, "COVER", "9 days").await;
    for caller in [&*ada, &*vera, &nora, &desk] {
        let answer = caller.get(&path(ada.id)).await.expect(200);
        let members = answer.body["members"].as_array().unwrap();
        let seen: Vec<_> = members
            .iter()
            .map(|member| (&member["first_name"], &member["role"], &member["basis"]))
            .collect();
        assert_eq!(
            seen,
            [
                (&json!("Élodie"), &json!("NURSE"), &json!("COVER")),
                (&json!("Vera"), &json!("PROVIDER"), &json!("ASSIGNMENT")),
                (&json!("Vera"), &json!("PROVIDER"), &json!("VISIT")),
            ]
        );
        assert_eq!(members[1]["until"], Value::Null);
        // Of several visits the last one counts.
        assert_eq!(members[2]["until"], "2032-01-09T09:30:00Z");
        assert_eq!(members[2]["is_suspended"], false);
        let read = row().by(caller).resource(ada.id).patient(ada.id);
        world.audited(&answer, read).await;
    }
}

#[tokio::test]
async fn ended_care_is_not_listed_and_a_suspension_is_shown() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let nora = world.user("NURSE", "Nora").await;
    world.assign(&ada, &vera).await;
    world.grant(&ada, nora.user, "COVER", "9 days").await;
    let ended = "update care_relations set until = now() where member_id = $1";
    world.sql(ended, &[&nora.user]).await;
    world
        .sql("update providers set is_verified = false", &[])
        .await;
    let answer = ada.get(&path(ada.id)).await.expect(200);
    let members = answer.body["members"].as_array().unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!(members[0]["user_id"], json!(vera.user));
    assert_eq!(members[0]["is_suspended"], true);
}

#[tokio::test]
async fn others_do_not_see_the_team() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    for caller in [&*ben, &*vera] {
        let denied = row().by(caller).resource(ada.id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| caller.get(&path(id)).await)
            .await;
    }
    let denied = row().by(&officer).resource(ada.id).denied("forbidden");
    world
        .refused(officer.get(&path(ada.id)), 403, denied.patient(ada.id))
        .await;
    ada.get("/v1/patients/ada/care")
        .await
        .problem(404, "not-found");
}
