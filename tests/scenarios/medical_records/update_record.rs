//! `PATCH /v1/medical-records/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("update-record", "UPDATE", "MEDICAL_RECORD")
}

fn path(id: Uuid) -> String {
    format!("/v1/medical-records/{id}")
}

/// Creates a record of a patient in care.
async fn entry(world: &World) -> (Patient, Provider, Uuid) {
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.note(&ada, &vera, "Wel.").await;
    (ada, vera, id)
}

#[tokio::test]
async fn a_provider_corrects_a_record_and_the_former_version_is_kept() {
    let world = World::new().await;
    let (ada, vera, id) = entry(&world).await;
    let patch = json!({
        "content": {"text": "Well."}, "notes": "By telephone", "change_reason": "A letter was missing"
    });
    let answer = vera.patch(&path(id), 1, patch).await.expect(200);
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(answer.body["content"], json!({"text": "Well."}));
    assert_eq!(answer.body["notes"], "By telephone");
    let updated = row().by(&vera).resource(id).patient(ada.id);
    let fields = json!(["change_reason", "content", "notes"]);
    world
        .audited(&answer, updated.detail("fields", fields))
        .await;

    let former = world
        .row(
            "select * from medical_record_versions where record_id = $1",
            &[&id],
        )
        .await;
    assert_eq!(former["version"], 1);
    assert_eq!(former["content"], json!({"text": "Wel."}));
    assert_eq!(former["replaced_by"], json!(vera.user));
    let stored = world
        .row("select * from medical_records where id = $1", &[&id])
        .await;
    assert_eq!(stored["changed_by"], json!(vera.user));
    assert_eq!(stored["change_reason"], "A letter was missing");

    // Null removes the field. Each change needs a reason of its own.
    let patch = json!({"notes": null});
    let answer = vera.patch(&path(id), 2, patch).await;
    answer.invalid("change_reason");
    let patch = json!({"notes": null, "change_reason": "It was a visit"});
    let answer = vera.patch(&path(id), 2, patch).await.expect(200);
    assert_eq!(answer.body["notes"], Value::Null);
    assert_eq!(answer.body["content"], json!({"text": "Well."}));
}

#[tokio::test]
async fn an_invalid_change_is_named_and_nothing_changes() {
    let world = World::new().await;
    let (_, vera, id) = entry(&world).await;
    let before = world.stored().await;
    for (patch, field) in [
        (json!({"notes": "x"}), "change_reason"),
        (json!({"notes": "x", "change_reason": ""}), "change_reason"),
        (
            json!({"content": {"mood": "good"}, "change_reason": "x"}),
            "content.mood",
        ),
        (
            json!({"content": {"text": null}, "change_reason": "x"}),
            "content.text",
        ),
        (json!({"content": null, "change_reason": "x"}), "content"),
        (
            json!({"record_type": "SUMMARY", "change_reason": "x"}),
            "record_type",
        ),
        (
            json!({"is_patient_visible": false, "change_reason": "x"}),
            "is_patient_visible",
        ),
        (
            json!({"patient_id": Uuid::now_v7(), "change_reason": "x"}),
            "patient_id",
        ),
    ] {
        let answer = vera.patch(&path(id), 1, patch).await.invalid(field);
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].entry.details["reason"], "invalid", "{field}");
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn an_outdated_or_missing_version_is_refused() {
    let world = World::new().await;
    let (ada, vera, id) = entry(&world).await;
    let patch = json!({"notes": "x", "change_reason": "x"});
    let failed = row().by(&vera).resource(id).patient(ada.id);
    let failed = failed.failed("precondition-failed");
    world
        .refused(vera.patch(&path(id), 2, patch), 412, failed)
        .await;
}

#[tokio::test]
async fn a_provider_without_care_changes_nothing() {
    let world = World::new().await;
    let (ada, _, id) = entry(&world).await;
    let walt = world.provider("Walt").await;
    let before = world.stored().await;
    let patch = json!({"notes": "x", "change_reason": "x"});
    let denied = row().by(&walt).resource(id).patient(ada.id);
    world
        .out_of_reach(denied, async |id| {
            walt.patch(&path(id), 1, patch.clone()).await
        })
        .await;
    for caller in [&*ada, &world.admin().await] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        let denied = denied.denied("forbidden");
        world
            .refused(caller.patch(&path(id), 1, patch.clone()), 403, denied)
            .await;
    }
    let after = world.stored().await;
    assert_eq!(after["medical_records"], before["medical_records"]);
    assert_eq!(
        after["medical_record_versions"],
        before["medical_record_versions"]
    );
}
