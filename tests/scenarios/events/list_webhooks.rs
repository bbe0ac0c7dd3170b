//! `GET /v1/webhooks`

use http::Method;
use tests::prelude::*;
use tests::receiver::Receiver;

use super::webhooks::{hook, versioned};

#[tokio::test]
async fn webhooks_are_listed_in_pages_without_archived_ones() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(hook(&admin, &receiver, None).await.id);
    }
    let gone = hook(&admin, &receiver, None).await;
    versioned(&admin, Method::DELETE, &gone.path(), "*", None)
        .await
        .expect(200);

    let first = admin.get("/v1/webhooks?limit=2").await.expect(200);
    assert_eq!(first.ids(), ids[..2]);
    world
        .audited(
            &first,
            audit("list-webhooks", "SEARCH", "WEBHOOK").by(&admin),
        )
        .await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let last = admin
        .get(&format!("/v1/webhooks?cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(last.ids(), ids[2..]);
    assert_eq!(last.body["next_cursor"], Value::Null);
    assert_eq!(last.body["items"][0]["failing_since"], Value::Null);
}

#[tokio::test]
async fn other_roles_and_unknown_parameters_are_refused() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let row = audit("list-webhooks", "SEARCH", "WEBHOOK");
    let denied = row.by(&officer).denied("forbidden");
    world
        .refused(officer.get("/v1/webhooks"), 403, denied)
        .await;
    admin
        .get("/v1/webhooks?status=ACTIVE")
        .await
        .invalid("status");
    admin
        .get("/v1/webhooks?cursor=AAAA")
        .await
        .invalid("cursor");
}
