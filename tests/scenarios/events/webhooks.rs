//! What the scenarios of webhooks do.

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use standardwebhooks::Webhook;
use tests::prelude::*;
use tests::receiver::{Delivery, Receiver};

/// A webhook as its creation answered it.
pub struct Hook {
    pub id: Uuid,
    pub secret: String,
}

impl Hook {
    pub fn path(&self) -> String {
        path(self.id)
    }
}

pub fn path(id: Uuid) -> String {
    format!("/v1/webhooks/{id}")
}

/// The definition of a webhook for this receiver.
pub fn definition(receiver: &Receiver, event_types: Option<&[&str]>) -> Value {
    json!({
        "url": receiver.url("http", "127.0.0.1"), "description": "For this test", "event_types": event_types,
        "status": "ACTIVE"
    })
}

/// Creates a webhook.
pub async fn put(caller: &Actor, id: Uuid, definition: Value) -> Answer {
    caller.send(Method::PUT, &path(id), Some(definition)).await
}

/// Sends a request with this tag in `If-Match`.
pub async fn versioned(
    caller: &Actor,
    method: Method,
    path: &str,
    tag: &str,
    body: Option<Value>,
) -> Answer {
    let mut request = caller.request(method, path).header(IF_MATCH, tag);
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    caller
        .send_request(request.body(body.into()).unwrap())
        .await
}

/// Creates a webhook for this receiver and these types of events.
pub async fn hook(admin: &Actor, receiver: &Receiver, event_types: Option<&[&str]>) -> Hook {
    let id = Uuid::now_v7();
    let made = put(admin, id, definition(receiver, event_types)).await;
    let secret = made.expect(200).body["secret"].as_str().unwrap().to_owned();
    Hook { id, secret }
}

/// Replaces the status of a webhook.
pub async fn set_status(admin: &Actor, hook: &Hook, receiver: &Receiver, status: &str) -> Answer {
    let mut definition = definition(receiver, None);
    definition["status"] = status.into();
    versioned(admin, Method::PUT, &hook.path(), "*", Some(definition)).await
}

/// Runs deliver-webhooks, once no transaction of the server hides an event.
pub async fn deliver(world: &World) -> Value {
    all_events_are_visible(world).await;
    run(world).await.expect("the events are delivered")
}

/// Runs deliver-webhooks.
pub async fn run(world: &World) -> Result<Value, String> {
    let event = local_cloud::workspace::root().join("events/deliver-webhooks.json");
    let event = serde_json::from_str(&std::fs::read_to_string(event).unwrap()).unwrap();
    let done = world.cloud.invoke("deliver-webhooks", &event).await;
    done.map_err(|failure| failure.to_string())
}

pub async fn all_events_are_visible(world: &World) {
    eventually("all events can be read", async || {
        let hidden =
            "select id from business_events where rank >= pg_snapshot_xmin(pg_current_snapshot())";
        world.rows(hidden, &[]).await.is_empty()
    })
    .await;
}

/// The ids of all events of these types after the creation of the webhook, in the order of the feed.
pub async fn events_after(world: &World, hook: &Hook, types: &str) -> Vec<String> {
    let events = world
        .rows(
            "select id from business_events
             where type::text like $2 and time > (
               select time from business_events where subject = 'webhooks/' || $1::text and sequence = 1
             )
             order by rank, number",
            &[&hook.id.to_string(), &types],
        )
        .await;
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// How far the deliveries of the webhook are.
pub async fn progress(world: &World, hook: &Hook) -> Value {
    world
        .row(
            "select * from webhook_progress where webhook_id = $1",
            &[&hook.id],
        )
        .await
}

/// Lets the next attempt be due.
pub async fn make_due(world: &World) {
    world
        .sql(
            "update webhook_progress set next_at = now() where next_at is not null",
            &[],
        )
        .await;
}

/// The attempts in the delivery log, oldest first.
pub async fn attempts(admin: &Actor, hook: &Hook) -> Vec<Value> {
    let log = admin
        .get(&format!("{}/deliveries?limit=100", hook.path()))
        .await;
    let log = log.expect(200);
    let mut items = log.body["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

/// Whether a Standard Webhooks library accepts the delivery with this secret.
pub fn verifies(secret: &str, delivery: &Delivery) -> bool {
    let verifier = Webhook::new(secret).unwrap();
    verifier
        .verify(delivery.body.as_bytes(), &delivery.headers)
        .is_ok()
}

/// Lets a visit be booked, so that an event is written. Returns its subject.
pub async fn book(world: &World, ada: &Patient, vera: &Provider, day: u32) -> String {
    let at = format!("2030-01-{day:02}T09:00Z");
    let visit = world.visit(ada, vera, &at, "SCHEDULED").await;
    format!("appointments/{visit}")
}
