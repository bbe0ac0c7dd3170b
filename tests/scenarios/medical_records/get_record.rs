//! `GET /v1/medical-records/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-record", "READ", "MEDICAL_RECORD")
}

fn path(id: Uuid) -> String {
    format!("/v1/medical-records/{id}")
}

#[tokio::test]
async fn the_patient_and_their_providers_read_a_record() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    world.assign(&ada, &walt).await;
    let id = world.note(&ada, &vera, "Well.").await;
    let before = world.stored().await;
    for caller in [&*ada, &*walt] {
        let answer = caller.get(&path(id)).await.expect(200);
        assert_eq!(answer.id(), id);
        assert_eq!(answer.body["content"], json!({"text": "Well."}));
        assert_eq!(answer.body["provider_id"], json!(vera.id));
        assert_eq!(answer.header("etag"), "\"1\"");
        world
            .audited(&answer, row().by(caller).resource(id).patient(ada.id))
            .await;
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_held_record_is_absent_for_the_patient_until_the_hold_ends() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.note(&ada, &vera, "Not yet.").await;
    world.hold(id, &vera, "1 day").await;
    let denied = row().by(&ada).resource(id).patient(ada.id);
    let denied = denied.denied("not-found");
    world.refused(ada.get(&path(id)), 404, denied).await;
    let answer = vera.get(&path(id)).await.expect(200);
    assert_eq!(answer.body["is_patient_visible"], false);
    assert_eq!(answer.body["hold"]["reason"], "privacy");
    assert_eq!(answer.body["hold"]["held_by"], json!(vera.user));

    world.hold(id, &vera, "-1 minute").await;
    let answer = ada.get(&path(id)).await.expect(200);
    assert_eq!(answer.body["is_patient_visible"], true);
    // The patient doesn't learn that it was held.
    assert_eq!(answer.body["hold"], Value::Null);
}

#[tokio::test]
async fn a_deleted_record_is_shown_to_the_patients_providers_on_request() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.note(&ada, &vera, "Of another.").await;
    vera.delete(&path(id), 1).await.expect(200);
    let with_archived = format!("{}?include_archived=true", path(id));
    for (caller, path) in [
        (&*vera, path(id)),
        (&*ada, path(id)),
        (&*ada, with_archived.clone()),
    ] {
        caller.get(&path).await.problem(404, "not-found");
    }
    let answer = vera.get(&with_archived).await.expect(200);
    assert_eq!(answer.body["is_archived"], true);
    world
        .audited(&answer, row().by(&vera).resource(id).patient(ada.id))
        .await;
    vera.get(&format!("{}?include_archived=maybe", path(id)))
        .await
        .invalid("include_archived");
}

#[tokio::test]
async fn another_patients_record_gets_404() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    // Vera wrote the record but can't read it, because the patient is no longer in Vera's care.
    let vera = world.provider("Vera").await;
    let id = world.note(&ada, &vera, "Well.").await;
    for caller in [&*ben, &*vera] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| caller.get(&path(id)).await)
            .await;
    }
}

#[tokio::test]
async fn administrators_and_compliance_officers_read_no_clinical_content() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let desk = world.user("FRONT_DESK", "Fred").await;
    let id = world.note(&ada, &vera, "Well.").await;
    for caller in [&admin, &officer, &desk] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        let denied = denied.denied("forbidden");
        world.refused(caller.get(&path(id)), 403, denied).await;
    }
}
