//! `publish-events`

use std::collections::BTreeSet;
use std::time::Duration;

use tests::calls::{Calls, Fault};
use tests::prelude::*;

use super::feed;

async fn publish(world: &World) -> Result<Value, String> {
    let event =
        std::fs::read_to_string(local_cloud::workspace::root().join("events/publish-events.json"));
    let event = serde_json::from_str(&event.unwrap()).unwrap();
    let done = world.cloud.invoke("publish-events", &event).await;
    done.map_err(|failure| failure.to_string())
}

/// The ids of the events that arrived at the event bus, in their order.
fn arrived(world: &World) -> Vec<String> {
    let events = world.cloud.event_bus().events().unwrap();
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// The ids of all events in the order of the feed, once all can be read.
async fn written(world: &World, caller: &Actor) -> Vec<String> {
    let events = feed(world, caller).await;
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

#[tokio::test]
async fn each_event_arrives_once_in_order_and_only_after_its_audit_row() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    for number in 0..12 {
        world.patient(&format!("Patient{number}")).await;
    }
    let written = written(&world, &admin).await;
    assert!(written.len() > 20);

    let steps = publish(&world).await.unwrap();
    assert_eq!(arrived(&world), written);
    let event = &world.cloud.event_bus().events().unwrap()[0];
    assert_eq!(event["type"], "caretrail.account.created.v1");

    // The first step takes them, and the second settles them.
    let steps = steps["steps"].as_array().unwrap();
    assert_eq!(steps[0]["details"]["events"], written.len());
    assert_eq!(steps[1]["details"]["accepted"], written.len());
    let taken = steps[0]["request_id"].as_str().unwrap();
    let rows = world.audit_of_request(taken).await;
    assert!(rows[0].entry.patients.contains(&ada.id.into()));

    // There is nothing more to do, and nothing is recorded.
    assert_eq!(publish(&world).await.unwrap(), json!({"steps": []}));
    assert_eq!(arrived(&world).len(), written.len());
}

#[tokio::test]
async fn an_event_that_is_refused_is_sent_again_and_after_a_day_it_is_given_up_and_counted() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.patient("Ada").await;
    let written = written(&world, &admin).await;
    world.cloud.event_bus().refuse(1);
    publish(&world).await.unwrap();
    assert_eq!(arrived(&world), written[1..]);
    let due = "update event_retries set next_at = now()";

    // Refused again, later, and then accepted
    world.sql(due, &[]).await;
    world.cloud.event_bus().refuse(1);
    publish(&world).await.unwrap();
    let retry = world
        .row(
            "select attempts, error_code, next_at - now() > '15 seconds' as waits from event_retries",
            &[],
        )
        .await;
    assert_eq!(
        retry,
        json!({"attempts": 2, "error_code": "InternalFailure", "waits": true})
    );
    world.sql(due, &[]).await;
    publish(&world).await.unwrap();
    assert_eq!(arrived(&world).last(), written.first());
    assert!(
        world
            .rows("select rank from event_retries", &[])
            .await
            .is_empty()
    );

    // Refused for more than a day
    world.patient("Ben").await;
    feed(&world, &admin).await;
    world.cloud.event_bus().refuse(1);
    publish(&world).await.unwrap();
    world
        .sql("update event_retries set next_at = now(), first_failed_at = now() - interval '25 hours'", &[])
        .await;
    world.cloud.event_bus().refuse(1);
    publish(&world).await.unwrap();
    world
        .cloud
        .logs("publish-events")
        .wait_for("\"dead\":1", PATIENCE)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_bus_that_can_not_be_reached_loses_nothing_and_the_next_run_sends_all() {
    let mut setup = Setup::default();
    setup.environment.insert(
        "AWS_ENDPOINT_URL_EVENTBRIDGE".into(),
        "http://127.0.0.1:9".into(),
    );
    let world = World::with(setup).await;
    let admin = world.admin().await;
    world.patient("Ada").await;
    let written = written(&world, &admin).await;
    publish(&world).await.unwrap_err();
    let place = world
        .row("select number, busy_until from event_publisher", &[])
        .await;
    assert_eq!(place, json!({"number": 0, "busy_until": "-infinity"}));
    assert_eq!(
        world.rows("select rank from event_retries", &[]).await,
        Vec::<Value>::new()
    );
    assert_eq!(written.len(), feed(&world, &admin).await.len());
}

#[tokio::test]
async fn a_publisher_that_is_killed_anywhere_sends_again_and_misses_nothing() {
    // Given a publisher that is killed at a random time, again and again, while events are written
    let world = World::new().await;
    let admin = world.admin().await;
    let mut killed = 0;
    for round in 0..8_u64 {
        for number in 0..5 {
            world.patient(&format!("Patient{round}{number}")).await;
        }
        let run = publish(&world);
        let kill = async {
            tokio::time::sleep(Duration::from_millis(20 * round)).await;
            world.cloud.lambda().restart("publish-events");
        };
        let (run, ()) = tokio::join!(run, kill);
        killed += usize::from(run.is_err());
        // Nobody waits two minutes for a run that is dead.
        world
            .sql("update event_publisher set busy_until = '-infinity'", &[])
            .await;
    }

    assert!(killed > 0);

    // When one comes to its end
    let written = written(&world, &admin).await;
    publish(&world).await.unwrap();

    // Then all events arrived, and the first arrivals are in order
    let mut seen = BTreeSet::new();
    let first: Vec<String> = arrived(&world)
        .into_iter()
        .filter(|id| seen.insert(id.clone()))
        .collect();
    assert_eq!(first, written);
}

#[tokio::test]
async fn what_a_killed_publisher_had_taken_is_sent_again_after_two_minutes() {
    // Given an event bus that accepts ten events and then answers nothing, and a publisher that is killed there
    let calls = Calls::new().await;
    let mut setup = Setup::default();
    setup
        .environment
        .insert("AWS_ENDPOINT_URL_EVENTBRIDGE".into(), calls.url());
    let world = World::with(setup).await;
    calls.lead_to(&world.cloud.event_bus().url());
    let admin = world.admin().await;
    for number in 0..12 {
        world.patient(&format!("Patient{number}")).await;
    }
    let written = written(&world, &admin).await;
    calls.fail_from(2, Fault::Silent);
    let kill = async {
        calls.have_failed().await;
        world.cloud.lambda().restart("publish-events");
    };
    let (run, ()) = tokio::join!(publish(&world), kill);
    run.unwrap_err();
    calls.mend();
    assert_eq!(arrived(&world), written[..10]);

    // When others run, then they leave its events alone as long as it may be alive
    assert_eq!(publish(&world).await.unwrap(), json!({"steps": []}));
    assert_eq!(arrived(&world).len(), 10);
    world
        .sql(
            "update event_publisher set busy_until = busy_until - interval '2 minutes'",
            &[],
        )
        .await;
    publish(&world).await.unwrap();
    assert_eq!(arrived(&world)[10..], written);
}

#[tokio::test]
async fn two_publishers_at_once_send_no_event_twice() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let admin = world.admin().await;
    for number in 0..20 {
        world.patient(&format!("Patient{number}")).await;
    }
    let written = written(&world, &admin).await;
    let (one, other) = tokio::join!(publish(&world), publish(&world));
    one.unwrap();
    other.unwrap();
    publish(&world).await.unwrap();
    let mut arrived = arrived(&world);
    arrived.sort_unstable();
    let mut written = written;
    written.sort_unstable();
    assert_eq!(arrived, written);
}
