//! `GET /v1/events`

use tests::audit::Expected;
use tests::prelude::*;

use super::feed;

const PATH: &str = "/v1/events";

fn row() -> Expected {
    audit("list-events", "SEARCH", "EVENT")
}

/// Moves on from an answer to what follows it.
fn after(answer: &Answer) -> String {
    let cursor = answer.body["next_cursor"].as_str().unwrap();
    format!("{PATH}?cursor={cursor}")
}

fn subjects(answer: &Answer) -> Vec<&str> {
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|event| event["subject"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_consumer_reads_each_change_once_as_a_cloud_event_and_goes_on_from_its_cursor() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    feed(&world, &admin).await;
    let so_far = admin.get(&format!("{PATH}?limit=100")).await.expect(200);

    let visit = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let cancelled = ada
        .post(
            &format!("/v1/appointments/{visit}/cancel"),
            json!({"reason": "Travelling that week"}),
        )
        .await
        .expect(200);
    let subject = format!("appointments/{visit}");
    eventually("both events can be read", async || {
        let news = admin.get(&after(&so_far)).await.expect(200);
        subjects(&news).iter().filter(|of| **of == subject).count() == 2
    })
    .await;
    let news = admin.get(&after(&so_far)).await.expect(200);
    let events = news.body["items"].as_array().unwrap();
    let events: Vec<&Value> = events
        .iter()
        .filter(|event| event["subject"] == *subject)
        .collect();
    assert_eq!(events[0]["type"], "caretrail.appointment.booked.v1");
    let event = events[1].as_object().unwrap();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["source"], "urn:caretrail:local");
    assert_eq!(event["type"], "caretrail.appointment.cancelled.v1");
    assert_eq!(event["sequence"], "2");
    assert_eq!(event["datacontenttype"], "application/json");
    assert_eq!(
        event["data"],
        json!({
            "appointment_id": visit, "patient_id": ada.id, "provider_id": vera.id, "version": 2,
            "status": "CANCELLED", "former_status": "SCHEDULED", "changed": ["change_reason", "status"]
        })
    );
    let audited = world.audit_of(&cancelled).await.remove(0);
    assert_eq!(
        event.get("traceid").map(Value::to_string),
        audited.entry.trace_id.map(|id| json!(id).to_string())
    );
    world.audited(&news, row().by(&admin).patient(ada.id)).await;

    // When nothing happens, the cursor stays good.
    let nothing = admin.get(&after(&news)).await.expect(200);
    assert_eq!(nothing.body["items"], json!([]));
    world
        .visit(&ada, &vera, "2030-01-08T09:00Z", "SCHEDULED")
        .await;
    eventually("the next event can be read", async || {
        let news = admin.get(&after(&nothing)).await.expect(200);
        subjects(&news)
            .iter()
            .any(|of| of.starts_with("appointments/"))
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_never_skipped() {
    // Given a change that isn't committed, and a later one that is
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let (first, second) = (
        world
            .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
            .await,
        world
            .visit(&ada, &vera, "2030-01-08T09:00Z", "SCHEDULED")
            .await,
    );
    feed(&world, &admin).await;
    let so_far = admin.get(&format!("{PATH}?limit=100")).await.expect(200);
    let late = world.connect().await;
    let change = format!("begin; update appointments set notes = 'A' where id = '{first}'");
    late.batch_execute(&change).await.unwrap();
    let reason = json!({"reason": "Travelling that week"});
    let path = format!("/v1/appointments/{second}/cancel");
    ada.post(&path, reason).await.expect(200);

    // When a consumer reads before and after the first is committed
    let before = admin.get(&after(&so_far)).await.expect(200);
    late.batch_execute("commit").await.unwrap();

    // Then it reads both, wherever its cursor was
    let (first, second) = (
        format!("appointments/{first}"),
        format!("appointments/{second}"),
    );
    eventually("both can be read", async || {
        let news = admin.get(&after(&before)).await.expect(200);
        let both = [subjects(&before), subjects(&news)].concat();
        both.contains(&&*first) && both.contains(&&*second)
    })
    .await;
}

#[tokio::test]
async fn the_order_of_a_subject_holds_even_if_an_older_transaction_changes_it_later() {
    // Given a transaction with a lower number than the one that cancels a visit
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let visit = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let older = world.connect().await;
    older
        .batch_execute("begin; select pg_current_xact_id()")
        .await
        .unwrap();
    let path = format!("/v1/appointments/{visit}/cancel");
    ada.post(&path, json!({"reason": "Travelling that week"}))
        .await
        .expect(200);

    // When it changes the visit afterwards
    let change = format!("update appointments set notes = 'A' where id = '{visit}'; commit");
    older.batch_execute(&change).await.unwrap();

    // Then consumers read the changes in their order
    let subject = format!("appointments/{visit}");
    let events = feed(&world, &admin).await;
    let events = events.iter().filter(|event| event["subject"] == *subject);
    let events: Vec<_> = events
        .map(|event| {
            (
                event["type"].as_str().unwrap(),
                event["sequence"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        events,
        [
            ("caretrail.appointment.booked.v1", "1"),
            ("caretrail.appointment.cancelled.v1", "2"),
            ("caretrail.appointment.changed.v1", "3"),
        ]
    );
}

#[tokio::test]
async fn events_are_kept_for_thirty_days_and_a_consumer_who_missed_some_is_told() {
    // Given a consumer that has read the first of two events, both 38 days and more ago
    let world = World::new().await;
    let admin = world.admin().await;
    world.patient("Ada").await;
    let events = feed(&world, &admin).await;
    assert!(events.len() >= 2);
    let first = admin.get(&format!("{PATH}?limit=1")).await.expect(200);
    let last = admin.get(&format!("{PATH}?limit=100")).await.expect(200);
    super::age(&world, "business_events").await;

    // When their partition is dropped
    super::drop_aged(&world).await;

    // Then the consumer is told, and one that had read both goes on
    let failed = row().by(&admin).failed("events-expired");
    world.refused(admin.get(&after(&first)), 410, failed).await;
    let rest = admin.get(&after(&last)).await.expect(200);
    assert_eq!(rest.body["items"], json!([]));
    admin.get(PATH).await.expect(200);
}

#[tokio::test]
async fn others_and_foreign_cursors_are_refused() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let answer = ada.get(PATH).await.problem(403, "forbidden");
    world
        .audited(&answer, row().by(&ada).denied("forbidden"))
        .await;
    admin
        .get(&format!("{PATH}?cursor=AAAA"))
        .await
        .problem(422, "invalid");
    let another = world.admin().await;
    let first = another.get(&format!("{PATH}?limit=1")).await.expect(200);
    admin.get(&after(&first)).await.problem(422, "invalid");
}
