//! `GET /v1/webhooks/{id}/deliveries`

use tests::audit::Expected;
use tests::prelude::*;
use tests::receiver::{Answering, Receiver};

use super::webhooks::{book, deliver, hook, make_due, path};

fn row() -> Expected {
    audit("list-webhook-deliveries", "READ", "WEBHOOK")
}

#[tokio::test]
async fn each_attempt_is_listed_newest_first_in_pages() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let types: &[&str] = &["caretrail.appointment.booked.v1"];
    let hook = hook(&admin, &receiver, Some(types)).await;
    let other = super::webhooks::hook(&admin, &receiver, Some(types)).await;
    let list = format!("{}/deliveries", hook.path());
    let nothing = admin.get(&list).await.expect(200);
    assert_eq!(nothing.body["items"], json!([]));

    let set = "update webhooks set status = 'DISABLED' where id = $1";
    world.sql(set, &[&other.id]).await;
    let subject = book(&world, &ada, &vera, 7).await;
    receiver.answer([Answering::Status(500)]);
    deliver(&world).await;
    make_due(&world).await;
    deliver(&world).await;
    let first = admin.get(&format!("{list}?limit=1")).await.expect(200);
    world
        .audited(&first, row().by(&admin).resource(hook.id))
        .await;
    let item = &first.body["items"][0];
    assert_eq!(item["subject"], subject);
    assert_eq!(item["event_type"], "caretrail.appointment.booked.v1");
    assert_eq!(item["event_id"], receiver.ids()[1]);
    assert_eq!(item["sequence"], 1);
    assert_eq!(item["attempt"], 2);
    assert_eq!(item["outcome"], "ACCEPTED");
    assert_eq!(item["http_status"], 204);
    assert!(item["duration_ms"].as_u64().unwrap() < 15_000);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let last = admin
        .get(&format!("{list}?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    let item = &last.body["items"][0];
    assert_eq!(
        (&item["attempt"], &item["outcome"]),
        (&json!(1), &json!("REFUSED"))
    );
    assert_eq!(item["http_status"], 500);
    assert_eq!(last.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn absent_webhooks_and_other_roles_are_refused() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let absent = Uuid::now_v7();
    let list = format!("{}/deliveries", path(absent));
    let of_absent = row().resource(absent);
    let failed = of_absent.clone().by(&admin).failed("not-found");
    world.refused(admin.get(&list), 404, failed).await;
    let denied = of_absent.by(&officer).denied("forbidden");
    world.refused(officer.get(&list), 403, denied).await;
}
