//! `DELETE /v1/webhooks/{id}`

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;
use tests::receiver::Receiver;

use super::types_of;
use super::webhooks::{book, deliver, hook, path, versioned};

fn row() -> Expected {
    audit("delete-webhook", "DELETE", "WEBHOOK")
}

#[tokio::test]
async fn an_archived_webhook_gets_no_events_and_can_not_be_found() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let hook = hook(&admin, &receiver, None).await;
    book(&world, &ada, &vera, 7).await;
    let archived = versioned(&admin, Method::DELETE, &hook.path(), "\"1\"", None).await;
    let archived = archived.expect(200);
    assert_eq!(archived.body["version"], 2);
    world
        .audited(&archived, row().by(&admin).resource(hook.id))
        .await;

    assert_eq!(deliver(&world).await, json!({"steps": []}));
    assert_eq!(receiver.deliveries().len(), 0);
    for answer in [
        versioned(&admin, Method::DELETE, &hook.path(), "*", None).await,
        versioned(
            &admin,
            Method::PUT,
            &format!("{}/secret", hook.path()),
            "*",
            None,
        )
        .await,
        admin.post_nothing(&format!("{}/test", hook.path())).await,
        admin.get(&format!("{}/deliveries", hook.path())).await,
    ] {
        answer.problem(404, "not-found");
    }
    assert_eq!(
        types_of(&world, &format!("webhooks/{}", hook.id)).await,
        ["webhook.created.v1", "webhook.archived.v1"]
    );
}

#[tokio::test]
async fn absent_webhooks_stale_versions_and_other_roles_are_refused() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let officer = world.officer().await;
    let hook = hook(&admin, &receiver, None).await;
    let absent = Uuid::now_v7();
    let of_absent = row().by(&admin).resource(absent);
    let absent_path = path(absent);
    let request = versioned(&admin, Method::DELETE, &absent_path, "*", None);
    world
        .refused(request, 404, of_absent.failed("not-found"))
        .await;
    let (hook_path, of_hook) = (hook.path(), row().resource(hook.id));
    let stale = versioned(&admin, Method::DELETE, &hook_path, "\"7\"", None);
    let failed = of_hook.clone().by(&admin).failed("precondition-failed");
    world.refused(stale, 412, failed).await;
    let others = versioned(&officer, Method::DELETE, &hook_path, "\"1\"", None);
    let denied = of_hook.by(&officer).denied("forbidden");
    world.refused(others, 403, denied).await;
    let delete = world
        .connect()
        .await
        .execute("delete from webhooks", &[])
        .await;
    assert_eq!(delete.unwrap_err().code().unwrap().code(), "23001");
}
