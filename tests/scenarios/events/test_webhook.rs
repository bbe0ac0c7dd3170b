//! `POST /v1/webhooks/{id}/test`

use tests::audit::Expected;
use tests::prelude::*;
use tests::receiver::{Answering, Receiver};

use super::webhooks::{attempts, book, deliver, hook, path, progress, run, set_status, verifies};

fn row() -> Expected {
    audit("test-webhook", "UPDATE", "WEBHOOK")
}

#[tokio::test]
async fn a_test_event_is_sent_to_its_webhook_alone_also_if_it_is_disabled() {
    let world = World::new().await;
    let (admin, receiver, other) = (
        world.admin().await,
        Receiver::new().await,
        Receiver::new().await,
    );
    let types: &[&str] = &["caretrail.appointment.booked.v1"];
    let tested = hook(&admin, &receiver, Some(types)).await;
    hook(&admin, &other, None).await;
    set_status(&admin, &tested, &receiver, "DISABLED")
        .await
        .expect(200);
    let test = format!("{}/test", tested.path());
    let asked = admin.post_nothing(&test).await.expect(200);
    world
        .audited(&asked, row().by(&admin).resource(tested.id))
        .await;
    // Until it is sent, it is the same test.
    let again = admin.post_nothing(&test).await.expect(200);
    assert_eq!(again.body, asked.body);

    deliver(&world).await;
    let delivery = &receiver.deliveries()[0];
    assert!(verifies(&tested.secret, delivery));
    let event = delivery.event();
    assert_eq!(event["type"], "caretrail.webhook.test.v1");
    assert_eq!(event["id"], asked.body["event_id"]);
    assert_eq!(event["subject"], format!("webhooks/{}", tested.id));
    assert_eq!(
        event["data"],
        json!({"webhook_id": tested.id, "status": "DISABLED", "version": 2})
    );
    assert_eq!(receiver.deliveries().len(), 1);
    let sent_to_other: Vec<Value> = other.deliveries().iter().map(|it| it.event()).collect();
    assert!(!sent_to_other.is_empty());
    assert!(
        sent_to_other
            .iter()
            .all(|event| event["type"] != "caretrail.webhook.test.v1")
    );
    let log = attempts(&admin, &tested).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["event_id"], asked.body["event_id"]);
    assert_eq!(log[0]["outcome"], "ACCEPTED");

    // The next one is another.
    let next = admin.post_nothing(&test).await.expect(200);
    assert_ne!(next.body, asked.body);
}

#[tokio::test]
async fn a_test_that_fails_is_not_repeated_and_delays_no_event() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let types: &[&str] = &["caretrail.appointment.booked.v1"];
    let hook = hook(&admin, &receiver, Some(types)).await;
    admin
        .post_nothing(&format!("{}/test", hook.path()))
        .await
        .expect(200);
    book(&world, &ada, &vera, 7).await;
    receiver.answer([Answering::Status(410)]);
    deliver(&world).await;
    let log = attempts(&admin, &hook).await;
    let seen: Vec<_> = log
        .iter()
        .map(|attempt| {
            (
                attempt["event_type"].as_str().unwrap(),
                attempt["http_status"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("caretrail.webhook.test.v1", Some(410)),
            ("caretrail.appointment.booked.v1", Some(204))
        ]
    );
    assert_eq!(
        progress(&world, &hook).await["first_failed_at"],
        Value::Null
    );
    let webhook = world.row("select status from webhooks", &[]).await;
    assert_eq!(webhook["status"], "ACTIVE");
    assert_eq!(run(&world).await.unwrap(), json!({"steps": []}));
}

#[tokio::test]
async fn absent_webhooks_and_other_roles_are_refused() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let officer = world.officer().await;
    let hook = hook(&admin, &receiver, None).await;
    let absent = Uuid::now_v7();
    let absent_test = format!("{}/test", path(absent));
    let failed = row().by(&admin).resource(absent).failed("not-found");
    world
        .refused(admin.post_nothing(&absent_test), 404, failed)
        .await;
    let test = format!("{}/test", hook.path());
    let denied = row().by(&officer).resource(hook.id).denied("forbidden");
    world
        .refused(officer.post_nothing(&test), 403, denied)
        .await;
    admin.post(&test, json!({})).await.problem(422, "invalid");
    assert_eq!(progress(&world, &hook).await["test_number"], Value::Null);
}
