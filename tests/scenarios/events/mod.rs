mod changes;
mod delete_webhook;
mod deliver_webhooks;
mod event_types;
mod expire_events;
mod list_events;
mod list_webhook_deliveries;
mod list_webhooks;
mod outbox;
mod publish_events;
mod put_webhook;
mod remind_appointments;
mod replay_webhook;
mod rotate_webhook_secret;
mod test_webhook;
mod webhook_addresses;
mod webhook_failures;
mod webhooks;

use tests::event_schemas::faults;
use tests::prelude::*;

/// All events, once no transaction of the server hides one. Each fits the schema of its type.
async fn feed(world: &World, caller: &Actor) -> Vec<Value> {
    let stored = world.rows("select id from business_events", &[]).await;
    let mut events = Vec::new();
    let mut path = "/v1/events?limit=100".to_owned();
    eventually("all events can be read", async || {
        let answer = caller.get(&path).await.expect(200);
        answer.body["items"].as_array().unwrap().len() == stored.len().min(100)
    })
    .await;
    loop {
        let answer = caller.get(&path).await.expect(200);
        let items = answer.body["items"].as_array().unwrap().clone();
        if items.is_empty() {
            return events;
        }
        for event in &items {
            assert_eq!(faults(event), Vec::<String>::new(), "{event}");
        }
        events.extend(items);
        let cursor = answer.body["next_cursor"].as_str().unwrap();
        path = format!("/v1/events?limit=100&cursor={cursor}");
    }
}

/// The types of the events about a subject, in the order of their sequence, which has no gap. All events fit their schemas.
async fn types_of(world: &World, subject: &str) -> Vec<String> {
    world.every_event_fits().await;
    let events = world
        .rows(
            "select type, sequence from business_events where subject = $1 order by rank, number",
            &[&subject],
        )
        .await;
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], place + 1, "{subject}");
    }
    let types = events.iter().map(|event| event["type"].as_str().unwrap());
    types.map(str::to_owned).collect()
}
