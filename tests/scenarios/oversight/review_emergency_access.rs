//! `POST /v1/emergency-access/{id}/review`

use tests::audit::Expected;
use tests::prelude::*;

use super::{PATH, age_accesses, granted};

fn row(caller: &Actor, id: Uuid, patient: Uuid) -> Expected {
    let row = audit("review-emergency-access", "UPDATE", "EMERGENCY_ACCESS").by(caller);
    row.resource(id).patient(patient)
}

fn path(id: Uuid) -> String {
    format!("{PATH}/{id}/review")
}

#[tokio::test]
async fn an_officer_reviews_an_access_once_after_its_end() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let id = granted(&vera, &kim).await;
    let incident = json!({"review": "INCIDENT_OPENED", "note": "A neighbour"});
    let reviewed = row(&officer, id, kim.id).detail("review", "INCIDENT_OPENED");
    let failed = reviewed.clone().failed("conflict");
    let early = world
        .refused(
            officer.post(&path(id), incident.clone()),
            409,
            failed.clone(),
        )
        .await;
    assert_eq!(
        early.body["detail"],
        "The emergency access is still in force. Revoke it, or review it after its end."
    );
    age_accesses(&world, "2 hours").await;
    let answer = officer.post(&path(id), incident.clone()).await.expect(200);
    assert_eq!(answer.body["review"], "INCIDENT_OPENED");
    assert_eq!(answer.body["review_note"], "A neighbour");
    assert_eq!(answer.body["reviewed_by"], json!(officer.user));
    world.audited(&answer, reviewed).await;
    let stored = "select review, review_note, reviewed_by, reviewed_at is not null as timed from emergency_accesses";
    assert_eq!(
        world.row(stored, &[]).await,
        json!({"review": "INCIDENT_OPENED", "review_note": "A neighbour", "reviewed_by": officer.user, "timed": true})
    );
    let event = "select data ->> 'review' as review from business_events
                 where type = 'emergency-access.reviewed.v1'";
    assert_eq!(
        world.row(event, &[]).await,
        json!({"review": "INCIDENT_OPENED"})
    );
    let again = world
        .refused(officer.post(&path(id), incident), 409, failed)
        .await;
    assert_eq!(
        again.body["detail"],
        "The emergency access was reviewed already."
    );
    // Neither the clinician nor the patient reads the note.
    for caller in [&*vera, &*kim] {
        let list = caller.get(PATH).await.expect(200);
        assert_eq!(list.body["items"][0]["review"], "INCIDENT_OPENED");
        assert_eq!(list.body["items"][0]["review_note"], Value::Null);
    }
}

#[tokio::test]
async fn a_revoked_access_can_be_reviewed_at_once_and_approved_without_a_note() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let id = granted(&vera, &kim).await;
    vera.post_nothing(&format!("{PATH}/{id}/revoke"))
        .await
        .expect(200);
    let answer = officer.post(&path(id), json!({"review": "APPROVED"})).await;
    assert_eq!(answer.expect(200).body["review_note"], Value::Null);
}

#[tokio::test]
async fn nobody_reviews_their_own_access() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let mut nora = world.user("NURSE", "Nora").await;
    let id = granted(&nora, &kim).await;
    age_accesses(&world, "2 hours").await;
    let promote = "update user_profiles set role = 'COMPLIANCE_OFFICER' where id = $1";
    world.sql(promote, &[&nora.user]).await;
    nora.role = Some("COMPLIANCE_OFFICER");
    let denied = row(&nora, id, kim.id)
        .detail("review", "APPROVED")
        .denied("forbidden");
    let body = json!({"review": "APPROVED"});
    let answer = world
        .refused(nora.post(&path(id), body.clone()), 403, denied)
        .await;
    assert_eq!(
        answer.body["detail"],
        "Nobody can review their own emergency access. Ask another compliance officer to do it."
    );
    world
        .officer()
        .await
        .post(&path(id), body)
        .await
        .expect(200);
}

#[tokio::test]
async fn an_incident_needs_a_note_and_other_roles_are_refused() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let id = world.emergency(kim.id, vera.user, "5 hours").await;
    for (body, field) in [
        (json!({"review": "INCIDENT_OPENED"}), "note"),
        (json!({"review": "INCIDENT_OPENED", "note": ""}), "note"),
        (json!({"review": "PENDING"}), "review"),
        (json!({}), "review"),
    ] {
        let failed = row(&officer, id, kim.id).so_far();
        world
            .invalid(officer.post(&path(id), body), field, failed)
            .await;
    }
    for caller in [&*kim, &*vera, &admin] {
        let denied = row(caller, id, kim.id)
            .detail("review", "APPROVED")
            .denied("forbidden");
        let body = json!({"review": "APPROVED"});
        world
            .refused(caller.post(&path(id), body), 403, denied)
            .await;
    }
    let nowhere = Uuid::now_v7();
    officer
        .post(&path(nowhere), json!({"review": "APPROVED"}))
        .await
        .problem(404, "not-found");
}
