//! A patient who has died.

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("update-patient", "UPDATE", "PATIENT")
}

#[tokio::test]
async fn the_death_of_a_patient_is_recorded_as_exactly_as_it_is_known() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let path = format!("/v1/patients/{}", ada.id);
    assert_eq!(
        ada.get(&path).await.expect(200).body["deceased"],
        Value::Null
    );
    for (version, deceased) in [
        json!({}),
        json!({"at": "2024"}),
        json!({"at": "2024-05"}),
        json!({"at": "2024-05-17"}),
        json!({"at": "2024-05-17T10:30:00Z"}),
        // Ada may have died on the day of her birth, where that day begins earlier than in UTC.
        json!({"at": "1990-05-16T10:00:00Z"}),
        json!({"at": "1990"}),
        Value::Null,
    ]
    .into_iter()
    .enumerate()
    {
        // When the register is changed
        let patch = json!({ "deceased": null });
        let version = i64::try_from(version).unwrap() * 2 + 1;
        admin.patch(&path, version, patch).await.expect(200);
        let patch = json!({ "deceased": deceased });
        let changed = admin.patch(&path, version + 1, patch).await.expect(200);
        // Then the row, the answer, the patient's read and the list say so
        let updated = row().by(&admin).resource(ada.id).patient(ada.id);
        let updated = updated.detail("fields", json!(["deceased"]));
        world.audited(&changed, updated).await;
        let stored = "select deceased from patients where id = $1";
        let stored = world.row(stored, &[&ada.id]).await;
        let read = ada.get(&path).await.expect(200);
        let list = admin.get("/v1/patients").await.expect(200);
        for kept in [&stored, &changed.body, &read.body, &list.body["items"][0]] {
            assert_eq!(kept["deceased"], deceased);
        }
    }
    let version = 17;
    for (deceased, field, is_sound) in [
        (json!({"at": "2999"}), "deceased.at", false),
        (json!({"at": "May"}), "deceased.at", false),
        (json!({"at": "1989-12"}), "deceased.at", true),
        (json!({"at": "1990-05-16"}), "deceased.at", true),
        (json!({"at": "1990-05-16T09:59:59Z"}), "deceased.at", true),
        (json!({"on": "2024"}), "deceased.on", false),
        (json!(true), "deceased", false),
    ] {
        let mut expected = row().by(&admin).resource(ada.id).patient(ada.id);
        // The last rule is the database's, so the audit row names the sound fields.
        if is_sound {
            expected = expected.detail("fields", json!(["deceased"]));
        }
        let request = admin.patch(&path, version, json!({ "deceased": deceased }));
        world.invalid(request, field, expected).await;
    }
}

#[tokio::test]
async fn only_users_who_manage_registration_record_a_death() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let path = format!("/v1/patients/{}", ada.id);
    let answer = vera.patch(&path, 2, json!({"deceased": {}})).await;
    answer.problem(403, "forbidden");
    let stored = "select deceased from patients where id = $1";
    assert_eq!(world.row(stored, &[&ada.id]).await["deceased"], Value::Null);
}

#[tokio::test]
async fn no_visit_to_come_is_booked_for_a_patient_who_has_died() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let visit = |at: &str| {
        json!({
            "patient_id": ada.id, "provider_id": vera.id, "scheduled_at": at, "duration_minutes": 20
        })
    };
    let booked = admin.post("/v1/appointments", visit("2030-01-07T09:00:00Z"));
    let booked = format!("/v1/appointments/{}", booked.await.expect(201).id());

    // Given a patient who has died
    let death = json!({"deceased": {"at": "2024-05"}});
    let path = format!("/v1/patients/{}", ada.id);
    admin.patch(&path, 1, death).await.expect(200);

    // Then no visit to come is booked or moved
    let expected = audit("create-appointment", "CREATE", "APPOINTMENT").by(&admin);
    let expected = expected.attempted().patient(ada.id).failed("conflict");
    let request = admin.post("/v1/appointments", visit("2030-01-08T09:00:00Z"));
    let refused = world.refused(request, 409, expected).await;
    assert_eq!(
        refused.body["detail"],
        "The patient has died, so no visit to come can be booked for them."
    );
    let moved = json!({"scheduled_at": "2030-01-09T09:00:00Z", "reason": "Later"});
    admin
        .patch(&booked, 1, moved)
        .await
        .problem(409, "conflict");

    // And a visit that took place is recorded, and the one to come cancelled
    let past = admin.post("/v1/appointments", visit("2024-01-08T09:00:00Z"));
    past.await.expect(201);
    let reason = json!({"reason": "The patient has died"});
    let cancelled = admin.post(&format!("{booked}/cancel"), reason).await;
    assert_eq!(cancelled.expect(200).body["status"], "CANCELLED");
}
