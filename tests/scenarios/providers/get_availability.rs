//! `GET /v1/providers/{id}/availability`

use domain::time::{TimeDelta, Timestamp};
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-availability", "READ", "PROVIDER")
}

fn path(id: Uuid, from: &str, to: &str, minutes: i64) -> String {
    format!("/v1/providers/{id}/availability?from={from}&to={to}&duration_minutes={minutes}")
}

async fn hours(world: &World, schedule: Value) {
    world
        .sql("update providers set schedule = $1", &[&schedule])
        .await;
}

fn starts(answer: &Answer) -> Vec<&str> {
    let slots = answer.body["slots"].as_array().unwrap();
    slots
        .iter()
        .map(|slot| slot["starts_at"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn free_slots_are_the_hours_without_the_scheduled_visits() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    hours(
        &world,
        json!({
            "time_zone": "America/New_York",
            "weekly": [{"weekday": "MON", "from": "09:00", "to": "11:00"}],
            "exceptions": [{"date": "2030-01-14"}],
            "horizon_days": 3650
        }),
    )
    .await;
    // One visit is scheduled with another patient, and one is cancelled.
    world
        .visit(&ben, &vera, "2030-01-07T14:30Z", "SCHEDULED")
        .await;
    world
        .visit(&ben, &vera, "2030-01-07T15:00Z", "CANCELLED")
        .await;
    let path = path(vera.id, "2030-01-07T00:00:00Z", "2030-01-22T00:00:00Z", 30);
    let answer = ada.get(&path).await.expect(200);
    assert_eq!(answer.body["provider_id"], json!(vera.id));
    assert_eq!(answer.body["time_zone"], "America/New_York");
    assert_eq!(
        answer.body["slots"][0],
        json!({"starts_at": "2030-01-07T14:00:00Z", "ends_at": "2030-01-07T14:30:00Z"})
    );
    assert_eq!(
        starts(&answer),
        [
            "2030-01-07T14:00:00Z",
            "2030-01-07T15:00:00Z",
            "2030-01-07T15:30:00Z",
            "2030-01-21T14:00:00Z",
            "2030-01-21T14:30:00Z",
            "2030-01-21T15:00:00Z",
            "2030-01-21T15:30:00Z"
        ]
    );
    world
        .audited(&answer, row().by(&ada).resource(vera.id))
        .await;
}

#[tokio::test]
async fn exactly_the_free_slots_can_be_booked_across_a_clock_change() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    // Berlin repeats 02:00 to 03:00 on 27 October 2030, and skips it on 31 March.
    hours(
        &world,
        json!({
            "time_zone": "Europe/Berlin",
            "weekly": [{"weekday": "SUN", "from": "01:30", "to": "03:30"}],
            "horizon_days": 3650
        }),
    )
    .await;
    for (from, to, count) in [
        (
            "2030-10-27T00:00:00%2B02:00",
            "2030-10-28T00:00:00%2B01:00",
            6,
        ),
        (
            "2030-03-31T00:00:00%2B01:00",
            "2030-04-01T00:00:00%2B02:00",
            2,
        ),
    ] {
        let answer = ada.get(&path(vera.id, from, to, 30)).await.expect(200);
        let slots = starts(&answer);
        assert_eq!(slots.len(), count, "{slots:?}");
        for moment in half_hours(from) {
            let body = json!({
                "patient_id": ada.id, "provider_id": vera.id,
                "scheduled_at": moment, "duration_minutes": 30
            });
            let booked = ada.post("/v1/appointments", body).await;
            let free = slots.contains(&moment.as_str());
            assert_eq!(booked.status, if free { 201 } else { 409 }, "{moment}");
        }
    }
}

/// Returns the half hours of the six hours from this local midnight on.
fn half_hours(midnight: &str) -> Vec<String> {
    let midnight: Timestamp = midnight.replace("%2B", "+").parse().unwrap();
    let half = TimeDelta::minutes(30);
    (0..12).map(|n| (midnight + half * n).to_string()).collect()
}

#[tokio::test]
async fn an_unverified_provider_or_one_without_hours_has_no_free_time() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let path = path(vera.id, "2030-01-07T00:00:00Z", "2030-01-08T00:00:00Z", 60);
    let answer = ada.get(&path).await.expect(200);
    assert_eq!(starts(&answer).len(), 24);
    for change in ["is_verified = false", "is_verified = true, schedule = null"] {
        world
            .sql(&format!("update providers set {change}"), &[])
            .await;
        let answer = ada.get(&path).await.expect(200);
        assert_eq!(answer.body["slots"], json!([]), "{change}");
    }
}

#[tokio::test]
async fn no_slot_is_free_before_the_providers_minimum_notice() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql(
            "update providers set schedule = schedule || '{\"lead_minutes\": 2880}'",
            &[],
        )
        .await;
    let now = Timestamp::now();
    let days = |n: i64| now + TimeDelta::hours(24 * n);
    let (from, to) = (now.to_string(), days(4).to_string());
    let answer = ada.get(&path(vera.id, &from, &to, 60)).await.expect(200);
    let slots = starts(&answer);
    assert!(!slots.is_empty());
    for slot in slots {
        let slot: Timestamp = slot.parse().unwrap();
        assert!(slot >= days(2) && slot < days(4), "{slot}");
    }
}

#[tokio::test]
async fn a_query_out_of_bounds_is_named() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (first, last) = ("2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z");
    for (path, field) in [
        (path(vera.id, first, "2030-02-01T00:00:01Z", 30), "to"),
        (path(vera.id, last, first, 30), "to"),
        (path(vera.id, first, first, 30), "to"),
        (path(vera.id, "2030-01-01", last, 30), "from"),
        (path(vera.id, first, last, 4), "duration_minutes"),
        (path(vera.id, first, last, 1441), "duration_minutes"),
    ] {
        world.invalid(ada.get(&path), field, row().by(&ada)).await;
    }
}

#[tokio::test]
async fn an_absent_provider_is_not_found_and_a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let nobody = Uuid::now_v7();
    let path = path(nobody, "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z", 30);
    let failed = row().by(&ada).resource(nobody).failed("not-found");
    world.refused(ada.get(&path), 404, failed).await;
    let denied = row().by(&officer).resource(nobody).denied("forbidden");
    world.refused(officer.get(&path), 403, denied).await;
}
