//! `POST /v1/emergency-access/{id}/revoke`

use tests::audit::Expected;
use tests::prelude::*;

use super::{PATH, age_accesses, audited_as_emergency, granted};

fn row(caller: &Actor, id: Uuid, patient: Uuid) -> Expected {
    let row = audit("revoke-emergency-access", "UPDATE", "EMERGENCY_ACCESS").by(caller);
    row.resource(id).patient(patient)
}

fn path(id: Uuid) -> String {
    format!("{PATH}/{id}/revoke")
}

#[tokio::test]
async fn the_clinician_or_an_officer_ends_an_access_at_once() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let chart = format!("/v1/patients/{}", kim.id);
    for by in [&*vera, &officer] {
        let id = granted(&vera, &kim).await;
        vera.get(&chart).await.expect(200);
        let answer = by.post_nothing(&path(id)).await.expect(200);
        assert_eq!(answer.body["is_in_force"], false);
        assert_eq!(answer.body["revoked_by"], json!(by.user));
        assert!(answer.body["revoked_at"].is_string());
        let revoked = row(by, id, kim.id);
        if by.user == vera.user {
            audited_as_emergency(&world, &answer, revoked).await;
        } else {
            let entry = world.audited(&answer, revoked).await.entry;
            assert_eq!(entry.relation, Some(audit::Relation::Office));
        }
        let stored = "select revoked_by, revoked_at is not null as revoked from emergency_accesses where id = $1";
        assert_eq!(
            world.row(stored, &[&id]).await,
            json!({"revoked_by": by.user, "revoked": true})
        );
        vera.get(&chart).await.problem(404, "not-found");
        let failed = row(by, id, kim.id).failed("conflict");
        world.refused(by.post_nothing(&path(id)), 409, failed).await;
    }
    let events = "select count(*) from business_events where type = 'emergency-access.revoked.v1'";
    assert_eq!(world.row(events, &[]).await, json!({"count": 2}));
}

#[tokio::test]
async fn an_access_that_ended_by_itself_can_not_be_revoked() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let id = granted(&vera, &kim).await;
    age_accesses(&world, "2 hours").await;
    let failed = row(&vera, id, kim.id).failed("conflict");
    let answer = world
        .refused(vera.post_nothing(&path(id)), 409, failed)
        .await;
    assert_eq!(
        answer.body["detail"],
        "The emergency access has ended already."
    );
}

#[tokio::test]
async fn another_clinician_finds_no_such_access_and_other_roles_are_refused() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    let id = granted(&vera, &kim).await;
    world
        .out_of_reach(row(&walt, id, kim.id), async |id| {
            walt.post_nothing(&path(id)).await
        })
        .await;
    let admin = world.admin().await;
    for caller in [&*kim, &admin] {
        let denied = row(caller, id, kim.id).denied("forbidden");
        world
            .refused(caller.post_nothing(&path(id)), 403, denied)
            .await;
    }
    vera.post_nothing(&format!("{PATH}/first/revoke"))
        .await
        .problem(404, "not-found");
}
