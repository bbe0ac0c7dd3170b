mod changes;
mod delete_webhook;
mod deliver_webhooks;
mod event_types;
mod expire_events;
mod list_events;
mod list_webhook_deliveries;
mod list_webhooks;
mod outbox;
mod polling;
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

/// Moves all rows of a table that is kept by weeks into a partition of 45 days ago.
async fn age(world: &World, table: &str) {
    let aged = "
        do $$
        declare
          week constant date := date_trunc('week', now() at time zone 'UTC' - interval '45 days');
          name constant text := to_char(week, '\"TABLE_\"IYYY_\"w\"IW');
        begin
          execute format(
            'create table %I partition of TABLE for values from (%L) to (%L)', name, week, week + 7
          );
          execute format('alter table %I owner to caretrail_owner', name);
          alter table TABLE disable trigger refuse_ledger_change;
          update TABLE set day = week;
          alter table TABLE enable trigger refuse_ledger_change;
        end
        $$";
    world.sql(&aged.replace("TABLE", table), &[]).await;
}

/// Drops the one partition that is older than events are kept.
async fn drop_aged(world: &World) {
    let turned = world
        .row("select * from turn_event_partitions(26)", &[])
        .await;
    assert_eq!(turned, json!({"made": 0, "dropped": 1, "weeks": 26}));
}
