//! Runs of `publish-events` and `deliver-webhooks` that look for new events within their minute.

use tests::prelude::*;
use tests::receiver::Receiver;

use super::webhooks::hook;

#[tokio::test]
async fn events_that_are_written_during_a_run_leave_within_it() {
    // Given a clinic whose functions look for new events each second, and a webhook
    let world = World::with(Setup {
        environment: [("EVENT_POLL_SECONDS".to_owned(), "1".to_owned())].into(),
        ..Setup::default()
    })
    .await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    hook(
        &admin,
        &receiver,
        Some(&["caretrail.patient.registered.v1"]),
    )
    .await;
    world.patient("Ada").await;
    let runs = async {
        let schedule = json!({});
        tokio::join!(
            world.cloud.invoke("publish-events", &schedule),
            world.cloud.invoke("deliver-webhooks", &schedule)
        )
    };
    let registered = || {
        let events = world.cloud.event_bus().events().unwrap();
        let of_patients = |event: &&Value| event["type"] == "caretrail.patient.registered.v1";
        events.iter().filter(of_patients).count()
    };
    let watch = async {
        receiver.has(1).await;
        eventually("EventBridge has the first event", async || {
            registered() == 1
        })
        .await;

        // When a patient is registered after both have sent what there was
        let ben = world.patient("Ben").await;

        // Then the event arrives from the same runs, and the audit row was there before
        receiver.has(2).await;
        eventually("EventBridge has the second event", async || {
            registered() == 2
        })
        .await;
        let log = world.audit_log().await;
        for application in ["publish-events", "deliver-webhooks"] {
            let is_named = log.iter().any(|row| {
                row.entry.application == application && row.entry.patients.contains(&ben.id.into())
            });
            assert!(is_named, "{application}");
        }
    };
    tokio::select! {
        ended = runs => panic!("the runs ended early: {ended:?}"),
        () = watch => {}
    }
}
