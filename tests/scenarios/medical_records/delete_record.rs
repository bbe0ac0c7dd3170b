//! `DELETE /v1/medical-records/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("delete-record", "DELETE", "MEDICAL_RECORD")
}

fn path(id: Uuid) -> String {
    format!("/v1/medical-records/{id}")
}

#[tokio::test]
async fn a_deleted_record_is_archived_with_its_versions() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.note(&ada, &vera, "Of another.").await;
    let answer = vera.delete(&path(id), 1).await.expect(200);
    assert_eq!(answer.body["is_archived"], true);
    assert_eq!(answer.header("etag"), "\"2\"");
    world
        .audited(&answer, row().by(&vera).resource(id).patient(ada.id))
        .await;
    let stored = world
        .row("select * from medical_records where id = $1", &[&id])
        .await;
    assert_eq!(stored["archived_by"], json!(vera.user));
    assert_eq!(stored["content"], json!({"text": "Of another."}));
    let former = world
        .row(
            "select * from medical_record_versions where record_id = $1",
            &[&id],
        )
        .await;
    assert_eq!(former["is_archived"], false);

    // A record can be deleted only once.
    let denied = row().by(&vera).resource(id).patient(ada.id);
    let denied = denied.denied("not-found");
    world.refused(vera.delete(&path(id), 2), 404, denied).await;
}

#[tokio::test]
async fn an_outdated_version_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.note(&ada, &vera, "Well.").await;
    let failed = row().by(&vera).resource(id).patient(ada.id);
    let failed = failed.failed("precondition-failed");
    world.refused(vera.delete(&path(id), 7), 412, failed).await;
}

#[tokio::test]
async fn a_provider_without_care_deletes_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    // Vera wrote this record but no longer cares for the patient.
    let id = world.note(&ada, &vera, "Well.").await;
    let denied = row().by(&vera).resource(id).patient(ada.id);
    world
        .out_of_reach(denied, async |id| vera.delete(&path(id), 1).await)
        .await;
    let denied = row().by(&ada).resource(id).patient(ada.id);
    let denied = denied.denied("forbidden");
    world.refused(ada.delete(&path(id), 1), 403, denied).await;
}
