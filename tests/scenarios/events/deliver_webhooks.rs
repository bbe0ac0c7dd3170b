//! `deliver-webhooks`

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tests::prelude::*;
use tests::receiver::{Answering, Receiver};
use tokio::sync::Notify;

use super::feed;
use super::webhooks::{
    all_events_are_visible, attempts, book, deliver, events_after, hook, progress, run, verifies,
    versioned,
};

#[tokio::test]
async fn each_event_arrives_once_in_the_order_of_the_feed_signed_on_one_connection() {
    // Given a webhook for all events, which is created after some
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    world.patient("Ben").await;
    let hook = hook(&admin, &receiver, None).await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let subject = book(&world, &ada, &vera, 7).await;
    let cancel = json!({"reason": "Travelling that week"});
    ada.post(&format!("/v1/{subject}/cancel"), cancel)
        .await
        .expect(200);

    // When they are delivered
    let steps = deliver(&world).await;
    let sent = events_after(&world, &hook, "%").await;
    assert!(sent.len() >= 6);
    assert_eq!(receiver.ids(), sent);
    assert_eq!(receiver.connections(), 1);

    // Then each is what the list answers, and a Standard Webhooks library accepts it
    let listed = feed(&world, &admin).await;
    for delivery in receiver.deliveries() {
        assert!(verifies(&hook.secret, &delivery));
        assert!(!verifies(
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            &delivery
        ));
        assert_eq!(
            delivery.header("content-type"),
            "application/cloudevents+json"
        );
        assert!(delivery.header("user-agent").starts_with("caretrail/"));
        assert!(listed.contains(&delivery.event()));
    }
    let of_visit = receiver.deliveries().into_iter().map(|it| it.event());
    let of_visit: Vec<_> = of_visit
        .filter(|event| event["subject"] == *subject)
        .map(|event| event["sequence"].clone())
        .collect();
    assert_eq!(of_visit, ["1", "2"]);

    // The first step takes them, and the second settles them.
    let steps = steps["steps"].as_array().unwrap();
    let details = |step: usize, detail: &str| steps[step]["details"][detail].clone();
    assert_eq!(details(0, "webhook"), json!(hook.id));
    assert_eq!(details(0, "events"), sent.len());
    assert_eq!(details(1, "accepted"), sent.len());
    assert_eq!(details(1, "refused"), 0);
    let rows = world
        .audit_of_request(steps[0]["request_id"].as_str().unwrap())
        .await;
    let entry = &rows[0].entry;
    assert_eq!(
        (entry.action_type.label(), entry.resource_type.label()),
        ("DISCLOSE", "EVENT")
    );
    assert!(entry.patients.contains(&ada.id.into()));

    // There is nothing more to do, and nothing is recorded.
    assert_eq!(run(&world).await.unwrap(), json!({"steps": []}));
    assert_eq!(receiver.deliveries().len(), sent.len());
}

#[tokio::test]
async fn the_audit_row_is_committed_before_the_event_leaves() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let types: &[&str] = &["caretrail.patient.registered.v1"];
    hook(&admin, &receiver, Some(types)).await;
    let ada = world.patient("Ada").await;
    let release = Arc::new(Notify::new());
    receiver.answer([Answering::Once(release.clone())]);
    let look = async {
        receiver.has(1).await;
        let rows = world.audit_log().await;
        let is_named = rows.iter().any(|row| {
            row.entry.application == "deliver-webhooks" && row.entry.patients == [ada.id.into()]
        });
        release.notify_one();
        is_named
    };
    let (_, is_named) = tokio::join!(deliver(&world), look);
    assert!(is_named, "the row is there while the request is open");
}

#[tokio::test]
async fn a_webhook_gets_the_types_it_asks_for_and_passes_over_the_others() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let types: &[&str] = &["caretrail.appointment.booked.v1"];
    let hook = hook(&admin, &receiver, Some(types)).await;
    world.patient("Ben").await;
    let mut subjects = vec![book(&world, &ada, &vera, 7).await];
    world.patient("Cleo").await;
    subjects.push(book(&world, &ada, &vera, 8).await);
    world.patient("Dan").await;
    deliver(&world).await;
    let got: Vec<_> = receiver
        .deliveries()
        .iter()
        .map(|it| it.event()["subject"].clone())
        .collect();
    assert_eq!(got, subjects);
    let last = "select max(number) as number from business_events";
    let last = world.row(last, &[]).await;
    assert_eq!(progress(&world, &hook).await["number"], last["number"]);

    // Events that it doesn't get cause no work, until there are many or they are a day old.
    world.patient("Eve").await;
    assert_eq!(deliver(&world).await, json!({"steps": []}));
    world
        .sql(
            "alter table business_events disable trigger refuse_ledger_change",
            &[],
        )
        .await;
    let age = "update business_events set time = time - interval '25 hours' where subject like 'patients/%'";
    world.sql(age, &[]).await;
    let age =
        "update business_events set time = time - interval '25 hours' where subject like 'users/%'";
    world.sql(age, &[]).await;
    deliver(&world).await;
    let last = world
        .row("select max(number) as number from business_events", &[])
        .await;
    assert_eq!(progress(&world, &hook).await["number"], last["number"]);
    assert_eq!(receiver.deliveries().len(), 2);
}

#[tokio::test]
async fn a_backlog_of_hundreds_of_events_is_delivered_to_many_webhooks_at_once() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut hooks = Vec::new();
    for _ in 0..10 {
        let receiver = Receiver::new().await;
        hooks.push((hook(&admin, &receiver, None).await, receiver));
    }
    for number in 0..70 {
        world.patient(&format!("Patient{number}")).await;
    }
    deliver(&world).await;
    for (hook, receiver) in &hooks {
        let sent = events_after(&world, hook, "%").await;
        assert!(sent.len() >= 140);
        assert_eq!(receiver.ids(), sent);
    }
}

#[tokio::test]
async fn two_runs_at_once_send_no_event_twice() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let hook = hook(&admin, &receiver, None).await;
    for number in 0..20 {
        world.patient(&format!("Patient{number}")).await;
    }
    all_events_are_visible(&world).await;
    let (one, other) = tokio::join!(run(&world), run(&world));
    one.unwrap();
    other.unwrap();
    assert_eq!(receiver.ids(), events_after(&world, &hook, "%").await);
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_sends_again_and_misses_nothing() {
    // Given a run that is killed at a random time, again and again, while events are written
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let hook = hook(&admin, &receiver, None).await;
    let mut killed = 0;
    for round in 0..8_u64 {
        for number in 0..5 {
            world.patient(&format!("Patient{round}{number}")).await;
        }
        let run = run(&world);
        let kill = async {
            tokio::time::sleep(Duration::from_millis(20 * round)).await;
            world.cloud.lambda().restart("deliver-webhooks");
        };
        let (run, ()) = tokio::join!(run, kill);
        killed += usize::from(run.is_err());
        // Nobody waits two minutes for a run that is dead.
        world
            .sql("update webhook_progress set busy_until = '-infinity'", &[])
            .await;
    }
    assert!(killed > 0);

    // When one comes to its end
    deliver(&world).await;

    // Then all events arrived, and the first arrivals are in order
    let mut seen = BTreeSet::new();
    let arrived = receiver.ids().into_iter();
    let first: Vec<String> = arrived.filter(|id| seen.insert(id.clone())).collect();
    assert_eq!(first, events_after(&world, &hook, "%").await);
}

#[tokio::test]
async fn a_run_that_died_with_events_holds_them_back_for_two_minutes_and_then_they_are_sent_again()
{
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let hook = hook(
        &admin,
        &receiver,
        Some(&["caretrail.patient.registered.v1"]),
    )
    .await;
    world.patient("Ada").await;
    all_events_are_visible(&world).await;
    receiver.answer([Answering::Never]);
    let kill = async {
        receiver.has(1).await;
        world.cloud.lambda().restart("deliver-webhooks");
    };
    let (dead, ()) = tokio::join!(run(&world), kill);
    dead.unwrap_err();
    assert_eq!(run(&world).await.unwrap(), json!({"steps": []}));
    world
        .sql(
            "update webhook_progress set busy_until = busy_until - interval '2 minutes'",
            &[],
        )
        .await;
    run(&world).await.unwrap();
    let ids = receiver.ids();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(attempts(&admin, &hook).await.len(), 1);
}

#[tokio::test]
async fn a_webhook_that_is_archived_while_events_are_sent_gets_none_of_the_next_transaction() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let hook = hook(
        &admin,
        &receiver,
        Some(&["caretrail.patient.registered.v1"]),
    )
    .await;
    for number in 0..101 {
        world.patient(&format!("Patient{number}")).await;
    }
    let release = Arc::new(Notify::new());
    receiver.answer([Answering::Once(release.clone())]);
    let archive = async {
        receiver.has(1).await;
        versioned(&admin, Method::DELETE, &hook.path(), "*", None)
            .await
            .expect(200);
        release.notify_one();
    };
    tokio::join!(deliver(&world), archive);
    assert_eq!(receiver.deliveries().len(), 100);
}

#[tokio::test]
async fn an_event_of_a_transaction_that_commits_late_is_never_passed_over() {
    // Given a change that isn't committed, and a later one that is
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let hook = hook(&admin, &receiver, None).await;
    let late = world.connect().await;
    let change = format!("begin; update appointments set notes = 'A' where id = '{visit}'");
    late.batch_execute(&change).await.unwrap();
    world.patient("Ben").await;

    // When a run comes before and after the first is committed
    run(&world).await.unwrap();
    late.batch_execute("commit").await.unwrap();
    deliver(&world).await;

    // Then both arrived
    assert_eq!(receiver.ids(), events_after(&world, &hook, "%").await);
    let is_late = |event: Value| event["type"] == "caretrail.appointment.changed.v1";
    assert!(receiver.deliveries().iter().any(|it| is_late(it.event())));
}

#[tokio::test]
async fn without_webhooks_a_run_records_nothing() {
    let world = World::new().await;
    world.patient("Ada").await;
    assert_eq!(deliver(&world).await, json!({"steps": []}));
    assert_eq!(world.audit_log().await.len(), 0);
}
