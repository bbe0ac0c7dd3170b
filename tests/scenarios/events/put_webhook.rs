//! `PUT /v1/webhooks/{id}`

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;
use tests::receiver::Receiver;

use super::types_of;
use super::webhooks::{definition, deliver, path, put, versioned};

fn row() -> Expected {
    audit("put-webhook", "UPDATE", "WEBHOOK")
}

#[tokio::test]
async fn the_answer_that_creates_a_webhook_has_its_secret_and_nothing_else_ever_has_it() {
    let world = World::new().await;
    let (admin, receiver, id) = (world.admin().await, Receiver::new().await, Uuid::now_v7());
    let mut wanted = definition(&receiver, Some(&["caretrail.account.created.v1"]));
    let made = put(&admin, id, wanted.clone()).await.expect(200);
    assert_eq!(made.header("etag"), "\"1\"");
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(made.body[field], *value, "{field}");
    }
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    world.audited(&made, row().by(&admin).resource(id)).await;
    world.patient("Ada").await;
    deliver(&world).await;
    assert_eq!(receiver.deliveries().len(), 1);

    // Neither a list, a change nor a log of deliveries answers it.
    wanted["description"] = "Another".into();
    let changed = versioned(&admin, Method::PUT, &path(id), "\"1\"", Some(wanted)).await;
    let changed = changed.expect(200);
    let listed = admin.get("/v1/webhooks").await.expect(200);
    let log = admin
        .get(&format!("{}/deliveries", path(id)))
        .await
        .expect(200);
    assert_eq!(changed.body["description"], "Another");
    for answer in [&changed, &listed, &log] {
        assert!(
            !answer.text.contains("whsec_") && !answer.text.contains("secret\""),
            "{}",
            answer.text
        );
    }
    // Neither the database nor the logs have it.
    let bare = &secret["whsec_".len()..];
    for table in [
        "webhooks",
        "webhook_progress",
        "webhook_deliveries",
        "audit_logs",
        "idempotency_keys",
        "business_events",
    ] {
        let stored = world.rows(&format!("select * from {table}"), &[]).await;
        let stored = format!("{stored:?}");
        assert!(!stored.contains(bare), "{table}");
        // The URL may have a secret of the receiver.
        assert_eq!(stored.contains("hunter2"), table == "webhooks", "{table}");
    }
    for function in [
        "put-webhook",
        "list-webhooks",
        "list-webhook-deliveries",
        "deliver-webhooks",
    ] {
        let lines = world.cloud.logs(function).lines().join("\n");
        assert!(
            !lines.is_empty() && !lines.contains(bare) && !lines.contains("hunter2"),
            "{function}: {lines}"
        );
    }
    assert_eq!(
        types_of(&world, &format!("webhooks/{id}")).await,
        ["webhook.created.v1", "webhook.changed.v1"]
    );
    let event =
        "select data from business_events where subject = 'webhooks/' || $1::text and sequence = 2";
    assert_eq!(
        world.row(event, &[&id.to_string()]).await["data"],
        json!({"webhook_id": id, "status": "ACTIVE", "version": 2, "changed": ["description"]})
    );
}

#[tokio::test]
async fn an_existing_webhook_is_replaced_only_with_its_version() {
    let world = World::new().await;
    let (admin, receiver, id) = (world.admin().await, Receiver::new().await, Uuid::now_v7());
    let wanted = definition(&receiver, None);
    // An absent webhook has no version.
    for tag in ["\"1\"", "*"] {
        let its_path = path(id);
        let request = versioned(&admin, Method::PUT, &its_path, tag, Some(wanted.clone()));
        let failed = row().by(&admin).resource(id).failed("precondition-failed");
        world.refused(request, 412, failed).await;
    }
    put(&admin, id, wanted.clone()).await.expect(200);
    // A creation that is repeated, because its answer was lost, changes nothing.
    let before = world.rows("select * from webhooks", &[]).await;
    let again = put(&admin, id, wanted.clone());
    let failed = row().by(&admin).resource(id);
    let failed = failed.failed("precondition-required");
    world.refused(again, 428, failed).await;
    let stale = versioned(
        &admin,
        Method::PUT,
        &path(id),
        "\"2\"",
        Some(wanted.clone()),
    )
    .await;
    stale.problem(412, "precondition-failed");
    assert_eq!(world.rows("select * from webhooks", &[]).await, before);

    versioned(&admin, Method::DELETE, &path(id), "\"1\"", None)
        .await
        .expect(200);
    put(&admin, id, wanted).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_status_that_changes_is_dated_and_announced() {
    let world = World::new().await;
    let (admin, receiver, id) = (world.admin().await, Receiver::new().await, Uuid::now_v7());
    let mut wanted = definition(&receiver, None);
    put(&admin, id, wanted.clone()).await.expect(200);
    wanted["status"] = "DISABLED".into();
    let disabled = versioned(&admin, Method::PUT, &path(id), "*", Some(wanted.clone())).await;
    let disabled = disabled.expect(200);
    assert_eq!(disabled.body["disabled_reason"], "REQUESTED");
    assert!(disabled.body["disabled_at"].is_string());
    // Another change leaves both as they are.
    wanted["description"] = Value::Null;
    let kept = versioned(&admin, Method::PUT, &path(id), "*", Some(wanted.clone())).await;
    assert_eq!(
        kept.expect(200).body["disabled_at"],
        disabled.body["disabled_at"]
    );
    wanted["status"] = "ACTIVE".into();
    let enabled = versioned(&admin, Method::PUT, &path(id), "*", Some(wanted)).await;
    let enabled = enabled.expect(200);
    assert_eq!(enabled.body["disabled_reason"], Value::Null);
    assert_eq!(enabled.body["disabled_at"], Value::Null);
    assert_eq!(
        types_of(&world, &format!("webhooks/{id}")).await,
        [
            "webhook.created.v1",
            "webhook.disabled.v1",
            "webhook.changed.v1",
            "webhook.enabled.v1"
        ]
    );
}

#[tokio::test]
async fn a_definition_that_does_not_fit_names_its_faults_and_stores_nothing() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    for (field, value) in [
        ("url", json!(null)),
        ("url", json!("example.org")),
        ("url", json!("ftp://example.org/")),
        ("url", json!("https://ada:secret@example.org/")),
        ("url", json!("https://example.org/#part")),
        (
            "url",
            json!(format!("https://example.org/{}", "a".repeat(2000))),
        ),
        ("event_types", json!([])),
        ("event_types", json!(["appointment.booked.v1"])),
        ("event_types", json!(["caretrail.appointment.exploded.v1"])),
        (
            "event_types",
            json!(vec!["caretrail.account.created.v1"; 101]),
        ),
        ("description", json!("")),
        ("status", json!("PAUSED")),
    ] {
        let id = Uuid::now_v7();
        let mut wanted = definition(&receiver, None);
        wanted[field] = value;
        let answer = put(&admin, id, wanted).await.invalid(field);
        let failed = row().by(&admin).resource(id).so_far().failed("invalid");
        world.audited(&answer, failed).await;
    }
    assert!(world.rows("select id from webhooks", &[]).await.is_empty());
}

#[tokio::test]
async fn other_roles_are_refused() {
    let world = World::new().await;
    let receiver = Receiver::new().await;
    for caller in [
        world.user("FRONT_DESK", "Fred").await,
        world.officer().await,
        world.user("PROVIDER", "Vera").await,
    ] {
        let id = Uuid::now_v7();
        let request = put(&caller, id, definition(&receiver, None));
        let denied = row().by(&caller).resource(id).denied("forbidden");
        world.refused(request, 403, denied).await;
    }
    assert!(world.rows("select id from webhooks", &[]).await.is_empty());
}
