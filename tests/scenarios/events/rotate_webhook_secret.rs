//! `PUT /v1/webhooks/{id}/secret`

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;
use tests::receiver::Receiver;

use super::types_of;
use super::webhooks::{book, deliver, hook, path, verifies, versioned};

fn row() -> Expected {
    audit("rotate-webhook-secret", "UPDATE", "WEBHOOK")
}

#[tokio::test]
async fn both_secrets_sign_for_a_day_and_then_only_the_new_one() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let hook = hook(
        &admin,
        &receiver,
        Some(&["caretrail.appointment.booked.v1"]),
    )
    .await;
    let secret_path = format!("{}/secret", hook.path());
    let rotated = versioned(&admin, Method::PUT, &secret_path, "\"1\"", None).await;
    let rotated = rotated.expect(200);
    let new = rotated.body["secret"].as_str().unwrap();
    assert_ne!(new, hook.secret);
    assert_eq!(rotated.body["version"], 2);
    assert!(rotated.body["former_secret_until"].is_string());
    world
        .audited(&rotated, row().by(&admin).resource(hook.id))
        .await;

    book(&world, &ada, &vera, 7).await;
    deliver(&world).await;
    let both = &receiver.deliveries()[0];
    assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
    assert!(verifies(new, both) && verifies(&hook.secret, both));

    let later = "update webhooks set former_secret_until = now() - interval '1 second'";
    world.sql(later, &[]).await;
    book(&world, &ada, &vera, 8).await;
    deliver(&world).await;
    let one = &receiver.deliveries()[1];
    assert_eq!(one.header("webhook-signature").split(' ').count(), 1);
    assert!(verifies(new, one) && !verifies(&hook.secret, one));
    let types = types_of(&world, &format!("webhooks/{}", hook.id)).await;
    assert_eq!(
        types[..2],
        ["webhook.created.v1", "webhook.secret-rotated.v1"]
    );
}

#[tokio::test]
async fn requests_without_the_version_of_a_webhook_and_other_roles_are_refused() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let officer = world.officer().await;
    let hook = hook(&admin, &receiver, None).await;
    let secret_path = format!("{}/secret", hook.path());
    let of_hook = row().resource(hook.id);
    let stale = versioned(&admin, Method::PUT, &secret_path, "\"2\"", None);
    let failed = of_hook.clone().by(&admin).failed("precondition-failed");
    world.refused(stale, 412, failed).await;
    let bare = admin.send(Method::PUT, &secret_path, None).await;
    bare.problem(428, "precondition-required");
    let absent = format!("{}/secret", path(Uuid::now_v7()));
    versioned(&admin, Method::PUT, &absent, "*", None)
        .await
        .problem(404, "not-found");
    let others = versioned(&officer, Method::PUT, &secret_path, "*", None);
    let denied = of_hook.by(&officer).denied("forbidden");
    world.refused(others, 403, denied).await;
    let kept = world
        .row("select secret_generation from webhooks", &[])
        .await;
    assert_eq!(kept["secret_generation"], 1);
}
