//! `PATCH /v1/patients/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("update-patient", "UPDATE", "PATIENT")
}

fn path(patient: Uuid) -> String {
    format!("/v1/patients/{patient}")
}

#[tokio::test]
async fn an_administrator_corrects_registration_data_but_no_clinical_field() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let answer = admin
        .patch(
            &path(ada.id),
            1,
            json!({"date_of_birth": "1991-05-17", "patient_number": "MRN-7", "gender": "other"}),
        )
        .await
        .expect(200);
    assert_eq!(answer.body["date_of_birth"], "1991-05-17");
    assert_eq!(answer.body["patient_number"], "MRN-7");
    assert_eq!(answer.body["gender"], "other");
    assert_eq!(answer.body["allergies"], Value::Null);
    assert_eq!(answer.header("etag"), "\"2\"");
    let changed = row().by(&admin).resource(ada.id).patient(ada.id);
    let fields = json!(["date_of_birth", "gender", "patient_number"]);
    world
        .audited(&answer, changed.detail("fields", fields))
        .await;

    // Fields that the administrator can't see are unchanged.
    let chart = ada.get(&path(ada.id)).await.expect(200);
    assert_eq!(chart.body["allergies"][0]["criticality"], "high");

    for field in [
        "medical_history",
        "allergies",
        "health_goals",
        "risk_factors",
    ] {
        let denied = row().by(&admin).resource(ada.id).patient(ada.id);
        world
            .refused(
                admin.patch(&path(ada.id), 2, json!({ field: null })),
                403,
                denied.detail("fields", json!([field])).denied("forbidden"),
            )
            .await;
    }
}

#[tokio::test]
async fn a_provider_changes_the_clinical_summary_of_their_patients_but_no_registration_data() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let goals = json!([{"description": "Walk daily"}]);
    let patch = json!({"health_goals": goals, "allergies": null});

    let denied = row().by(&vera).resource(ada.id).patient(ada.id);
    let denied = denied.denied("not-found");
    world
        .refused(vera.patch(&path(ada.id), 1, patch.clone()), 404, denied)
        .await;

    world.assign(&ada, &vera).await;
    let answer = vera.patch(&path(ada.id), 2, patch).await.expect(200);
    assert_eq!(answer.body["health_goals"], goals);
    assert_eq!(answer.body["allergies"], Value::Null);
    let changed = row().by(&vera).resource(ada.id).patient(ada.id);
    let fields = json!(["allergies", "health_goals"]);
    world
        .audited(&answer, changed.detail("fields", fields))
        .await;

    let denied = row().by(&vera).resource(ada.id).patient(ada.id);
    world
        .refused(
            vera.patch(&path(ada.id), 3, json!({"gender": "other"})),
            403,
            denied
                .detail("fields", json!(["gender"]))
                .denied("forbidden"),
        )
        .await;
}

#[tokio::test]
async fn a_patient_can_not_change_their_patient_data() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let denied = row().by(&ada).resource(ada.id).patient(ada.id);
    world
        .refused(
            ada.patch(&path(ada.id), 1, json!({"allergies": null})),
            403,
            denied.denied("forbidden"),
        )
        .await;
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let born = json!({"date_of_birth": "2999-12-31"});
    let expected = row().by(&admin).resource(ada.id).patient(ada.id);
    world
        .invalid(
            admin.patch(&path(ada.id), 2, born),
            "date_of_birth",
            expected.detail("fields", json!(["date_of_birth"])),
        )
        .await;
    for (caller, patch, field) in [
        (&admin, json!({"date_of_birth": null}), "date_of_birth"),
        (
            &admin,
            json!({"date_of_birth": "1849-12-31"}),
            "date_of_birth",
        ),
        (&admin, json!({"patient_number": " "}), "patient_number"),
        (&admin, json!({"nickname": null}), "nickname"),
        (&admin, json!({"first_name": "Other"}), "first_name"),
        (&admin, json!({"user_id": vera.user}), "user_id"),
        (
            &*vera,
            json!({"health_goals": [{"status": "active"}]}),
            "health_goals[0].description",
        ),
        (&*vera, json!({"risk_factors": {}}), "risk_factors"),
    ] {
        let expected = row().by(caller).resource(ada.id).patient(ada.id);
        world
            .invalid(caller.patch(&path(ada.id), 2, patch), field, expected)
            .await;
    }
}

#[tokio::test]
async fn an_outdated_version_or_a_taken_number_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let failed = row().by(&admin).resource(ada.id).patient(ada.id);
    world
        .refused(
            admin.patch(&path(ada.id), 2, json!({"gender": "other"})),
            412,
            failed.failed("precondition-failed"),
        )
        .await;

    let number = json!({"patient_number": format!("MRN-{}", ben.id)});
    let failed = row().by(&admin).resource(ada.id).patient(ada.id);
    let failed = failed
        .detail("fields", json!(["patient_number"]))
        .failed("already-exists");
    world
        .refused(admin.patch(&path(ada.id), 1, number), 409, failed)
        .await;
}
