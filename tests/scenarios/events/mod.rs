mod changes;
mod expire_events;
mod list_events;
mod publish_events;

use tests::prelude::*;

/// All events, once no transaction of the server hides one: their types, subjects and sequences.
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
        events.extend(items);
        let cursor = answer.body["next_cursor"].as_str().unwrap();
        path = format!("/v1/events?limit=100&cursor={cursor}");
    }
}

/// The types of the events about a subject, in the order of their sequence, which has no gap.
async fn types_of(world: &World, subject: &str) -> Vec<String> {
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
