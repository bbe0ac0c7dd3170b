//! `GET /v1/patients/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-patient", "READ", "PATIENT")
}

fn path(id: impl std::fmt::Display) -> String {
    format!("/v1/patients/{id}")
}

#[tokio::test]
async fn a_patient_reads_their_own_data_with_clinical_fields() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let before = world.stored().await;
    let answer = ada.get(&path(ada.id)).await.expect(200);
    assert_eq!(answer.body["id"], json!(ada.id));
    assert_eq!(answer.body["user_id"], json!(ada.user));
    assert_eq!(answer.body["first_name"], "Ada");
    assert_eq!(answer.body["date_of_birth"], "1990-05-17");
    assert_eq!(answer.body["gender"], "female");
    assert_eq!(answer.body["allergies"][0]["code"]["code"], "91935009");
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(world.stored().await, before);
    world
        .audited(&answer, row().by(&ada).resource(ada.id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn a_provider_reads_patients_in_their_care_assigned_or_treated() {
    let world = World::new().await;
    let (assigned, treated) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&assigned, &vera).await;
    world
        .visit(&treated, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    for patient in [&assigned, &treated] {
        let answer = vera.get(&path(patient.id)).await.expect(200);
        assert_eq!(answer.body["allergies"][0]["criticality"], "high");
        world
            .audited(
                &answer,
                row().by(&vera).resource(patient.id).patient(patient.id),
            )
            .await;
    }
}

#[tokio::test]
async fn an_administrator_reads_the_patient_without_clinical_fields() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let answer = admin.get(&path(ada.id)).await.expect(200);
    assert_eq!(answer.body["patient_number"], format!("MRN-{}", ada.id));
    for clinical in [
        "medical_history",
        "allergies",
        "health_goals",
        "risk_factors",
    ] {
        assert_eq!(answer.body.get(clinical), Some(&Value::Null), "{clinical}");
    }
    world
        .audited(&answer, row().by(&admin).resource(ada.id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn another_patient_gets_404_and_the_attempt_is_recorded() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let denied = row().by(&ben).resource(ada.id).patient(ada.id);
    world
        .out_of_reach(denied, async |id| ben.get(&path(id)).await)
        .await;
}

#[tokio::test]
async fn a_provider_without_the_patient_in_their_care_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    // A cancelled visit doesn't put the patient into care.
    world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "CANCELLED")
        .await;
    let denied = row().by(&vera).resource(ada.id).patient(ada.id);
    let denied = denied.denied("not-found");
    world.refused(vera.get(&path(ada.id)), 404, denied).await;
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused_and_the_attempt_is_recorded() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let denied = row().by(&officer).resource(ada.id).patient(ada.id);
    let denied = denied.denied("forbidden");
    world.refused(officer.get(&path(ada.id)), 403, denied).await;
}

#[tokio::test]
async fn an_archived_patient_is_not_found() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    world
        .sql(
            "update patients set is_archived = true, archived_at = now() where id = $1",
            &[&ada.id],
        )
        .await;
    let denied = row().by(&admin).resource(ada.id).patient(ada.id);
    let denied = denied.denied("not-found");
    world.refused(admin.get(&path(ada.id)), 404, denied).await;
}
