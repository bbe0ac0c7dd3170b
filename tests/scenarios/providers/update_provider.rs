//! `PATCH /v1/providers/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("update-provider", "UPDATE", "PROVIDER")
}

fn path(id: Uuid) -> String {
    format!("/v1/providers/{id}")
}

#[tokio::test]
async fn a_provider_changes_their_hours_and_fields_of_practice() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let schedule = json!({
        "time_zone": "Europe/Berlin",
        "weekly": [
            {"weekday": "TUE", "from": "09:00:00", "to": "17:00:00"},
            {"weekday": "FRI", "from": "22:00:00", "to": "06:00:00"}
        ],
        "lead_minutes": 120,
        "horizon_days": 365,
        "max_minutes": 90,
        "step_minutes": 15
    });
    // A merge patch also applies within the hours: the list is replaced, and the time zone stays.
    let answer = vera
        .patch(
            &path(vera.id),
            1,
            json!({"schedule": schedule, "specialties": ["cardiology", "angiology"]}),
        )
        .await
        .expect(200);
    assert_eq!(answer.body["schedule"], schedule);
    assert_eq!(
        answer.body["specialties"],
        json!(["cardiology", "angiology"])
    );
    assert_eq!(answer.body["is_verified"], true);
    assert_eq!(answer.header("etag"), "\"2\"");
    let row = row().by(&vera).resource(vera.id);
    world
        .audited(
            &answer,
            row.detail("fields", json!(["schedule", "specialties"])),
        )
        .await;

    let answer = vera
        .patch(
            &path(vera.id),
            2,
            json!({"schedule": {
                "lead_minutes": null,
                "weekly": [{"weekday": "MON", "from": "18:00", "to": "24:00"}]
            }}),
        )
        .await
        .expect(200);
    let schedule = &answer.body["schedule"];
    assert_eq!(schedule["time_zone"], "Europe/Berlin");
    assert_eq!(schedule["lead_minutes"], Value::Null);
    assert_eq!(schedule["horizon_days"], 365);
    // Midnight at the end of a day is answered in one form.
    assert_eq!(schedule["weekly"][0]["to"], "00:00:00");
}

#[tokio::test]
async fn a_provider_can_not_change_verified_data() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    for (field, value) in [
        ("license_number", json!("LIC-9")),
        ("certifications", json!([{"name": "Board of Cardiology"}])),
    ] {
        let patch = json!({ field: value });
        let denied = row().by(&vera).resource(vera.id);
        let denied = denied.detail("fields", json!([field])).denied("forbidden");
        world
            .refused(vera.patch(&path(vera.id), 1, patch), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_new_licence_number_must_be_verified_again() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let answer = admin
        .patch(
            &path(vera.id),
            1,
            json!({"certifications": [{"name": "Board"}]}),
        )
        .await
        .expect(200);
    assert_eq!(answer.body["is_verified"], true);
    let answer = admin
        .patch(&path(vera.id), 2, json!({"license_number": "LIC-9"}))
        .await
        .expect(200);
    assert_eq!(answer.body["license_number"], "LIC-9");
    assert_eq!(answer.body["is_verified"], false);
    assert_eq!(answer.body["verified_at"], Value::Null);
}

#[tokio::test]
async fn another_provider_is_out_of_reach_and_a_patient_is_refused() {
    let world = World::new().await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let ada = world.patient("Ada").await;
    let patch = || json!({"specialties": []});
    let denied = row().by(&walt).resource(vera.id);
    world
        .out_of_reach(denied, async |id| walt.patch(&path(id), 1, patch()).await)
        .await;
    let denied = row().by(&ada).resource(vera.id).denied("forbidden");
    world
        .refused(ada.patch(&path(vera.id), 1, patch()), 403, denied)
        .await;
}

#[tokio::test]
async fn a_taken_licence_and_an_outdated_version_are_refused() {
    let world = World::new().await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let admin = world.admin().await;
    let taken = json!({"license_number": format!("LIC-{}", walt.id)});
    let failed = row().by(&admin).resource(vera.id);
    let failed = failed.detail("fields", json!(["license_number"]));
    let failed = failed.failed("already-exists");
    world
        .refused(admin.patch(&path(vera.id), 1, taken), 409, failed)
        .await;
    let patch = json!({"specialties": []});
    let failed = row().by(&admin).resource(vera.id);
    let failed = failed.failed("precondition-failed");
    world
        .refused(admin.patch(&path(vera.id), 2, patch), 412, failed)
        .await;
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let before = world.stored().await;
    let weekly = |from: &str, to: &str| json!({"schedule": {"weekly": [{"weekday": "MON", "from": from, "to": to}]}});
    for (patch, field) in [
        (
            json!({"schedule": {"time_zone": "Mars/Olympus"}}),
            "schedule.time_zone",
        ),
        // PostgreSQL reads this name as a fixed offset, other systems as a zone with two.
        (
            json!({"schedule": {"time_zone": "CET"}}),
            "schedule.time_zone",
        ),
        (weekly("09:00", "09:00"), "schedule.weekly"),
        (weekly("24:00", "09:00"), "schedule.weekly[0].from"),
        (weekly("09:00", "24:01"), "schedule.weekly[0].to"),
        (
            json!({"schedule": {"weekly": [
                {"weekday": "SUN", "from": "22:00", "to": "06:00"},
                {"weekday": "MON", "from": "05:00", "to": "12:00"}
            ]}}),
            "schedule.weekly",
        ),
        (
            json!({"schedule": {"exceptions": [
                {"date": "2030-01-07"}, {"date": "2030-01-07", "from": "09:00", "to": "12:00"}
            ]}}),
            "schedule.exceptions",
        ),
        (
            json!({"schedule": {"step_minutes": 4}}),
            "schedule.step_minutes",
        ),
        (
            json!({"schedule": {"step_minutes": 1441}}),
            "schedule.step_minutes",
        ),
        (
            json!({"schedule": {"max_minutes": 0}}),
            "schedule.max_minutes",
        ),
        (
            json!({"schedule": {"max_minutes": 1441}}),
            "schedule.max_minutes",
        ),
        (
            json!({"schedule": {"horizon_days": 0}}),
            "schedule.horizon_days",
        ),
        (
            json!({"schedule": {"horizon_days": 3651}}),
            "schedule.horizon_days",
        ),
        // Nobody could book.
        (
            json!({"schedule": {"horizon_days": 1, "lead_minutes": 1440}}),
            "schedule.horizon_days",
        ),
        (weekly("09:00:01", "10:00"), "schedule.weekly[0].from"),
        (
            json!({"schedule": {"lead_minutes": -1}}),
            "schedule.lead_minutes",
        ),
        (json!({"specialties": vec!["x"; 51]}), "specialties"),
        (json!({"specialties": null}), "specialties"),
        (json!({"is_verified": true}), "is_verified"),
        (json!({"rating": 5}), "rating"),
    ] {
        let answer = vera.patch(&path(vera.id), 1, patch).await.invalid(field);
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows[0].entry.outcome.label(), "FAILURE", "{field}");
    }
    assert_eq!(world.stored().await, before);
}
