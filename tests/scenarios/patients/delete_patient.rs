//! `DELETE /v1/patients/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("delete-patient", "DELETE", "PATIENT")
}

fn path(patient: Uuid) -> String {
    format!("/v1/patients/{patient}")
}

#[tokio::test]
async fn an_archived_patient_is_hidden_by_default_and_their_chart_is_kept() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Seen").await;
    let answer = admin.delete(&path(ada.id), 2).await.expect(200);
    assert_eq!(answer.body["is_archived"], true);
    assert_eq!(answer.header("etag"), "\"3\"");
    let archived = row().by(&admin).resource(ada.id).patient(ada.id);
    world.audited(&answer, archived).await;

    for caller in [&admin, &*vera, &*ada] {
        caller.get(&path(ada.id)).await.problem(404, "not-found");
    }
    let all = "/v1/patients?include_archived=true";
    let one = format!("{}?include_archived=true", path(ada.id));
    let listed = admin.get("/v1/patients").await.expect(200);
    assert_eq!(listed.body["items"], json!([]));
    assert_eq!(admin.get(all).await.expect(200).ids(), [ada.id]);
    assert_eq!(admin.get(&one).await.expect(200).id(), ada.id);
    // Only callers who register patients see archived ones.
    let listed = vera.get(all).await.expect(200);
    assert_eq!(listed.body["items"], json!([]));
    vera.get(&one).await.problem(404, "not-found");

    let kept = world
        .row(
            "select count(*) from medical_records where id = $1",
            &[&note],
        )
        .await;
    assert_eq!(kept["count"], 1);
    admin
        .delete(&path(ada.id), 3)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn future_visits_must_be_cancelled_first() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let vera = world.provider("Vera").await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let failed = row().by(&admin).resource(ada.id).patient(ada.id);
    let failed = failed.failed("conflict");
    world
        .refused(admin.delete(&path(ada.id), 1), 409, failed)
        .await;
    let reason = json!({"reason": "Moved away"});
    admin
        .post(&format!("/v1/appointments/{id}/cancel"), reason)
        .await
        .expect(200);
    admin.delete(&path(ada.id), 1).await.expect(200);
}

#[tokio::test]
async fn only_an_administrator_archives_patients() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).resource(ada.id).patient(ada.id);
        let denied = denied.denied("forbidden");
        world
            .refused(caller.delete(&path(ada.id), 2), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn an_outdated_version_or_an_absent_patient_is_refused() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let failed = row().by(&admin).resource(ada.id).patient(ada.id);
    let failed = failed.failed("precondition-failed");
    world
        .refused(admin.delete(&path(ada.id), 9), 412, failed)
        .await;
    let nobody = Uuid::now_v7();
    let failed = row().by(&admin).resource(nobody).failed("not-found");
    world
        .refused(admin.delete(&path(nobody), 1), 404, failed)
        .await;
}
