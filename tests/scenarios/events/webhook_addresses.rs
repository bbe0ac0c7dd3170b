//! Which addresses events are sent to.

use tests::prelude::*;
use tests::receiver::Receiver;

use super::webhooks::{attempts, book, definition, deliver, hook, make_due, put};

const BOOKED: &[&str] = &["caretrail.appointment.booked.v1"];

/// A world in which events may be sent to these networks.
async fn with_networks(networks: &str) -> World {
    World::with(Setup {
        environment: [("WEBHOOK_NETWORKS".to_owned(), networks.to_owned())].into(),
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn private_addresses_and_http_are_refused_unless_the_operator_allows_their_network() {
    let world = with_networks("").await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    for url in [
        receiver.url("https", "127.0.0.1"),
        receiver.url("http", "127.0.0.1"),
        receiver.url("http", "localhost"),
        "https://10.0.0.7/".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::1]/".to_owned(),
        "https://[::ffff:127.0.0.1]/".to_owned(),
        "https://[fd00:ec2::254]/".to_owned(),
        "https://2130706433/".to_owned(),
        "http://events.example.org/".to_owned(),
        "http://8.8.8.8/".to_owned(),
    ] {
        let mut wanted = definition(&receiver, None);
        wanted["url"] = url.into();
        let id = Uuid::now_v7();
        let answer = put(&admin, id, wanted).await.invalid("url");
        let row = audit("put-webhook", "UPDATE", "WEBHOOK")
            .by(&admin)
            .resource(id);
        world.audited(&answer, row.so_far().failed("invalid")).await;
    }
    for url in [
        "https://events.example.org:8443/caretrail?key=7",
        "https://8.8.8.8/",
    ] {
        let mut wanted = definition(&receiver, None);
        wanted["url"] = url.into();
        put(&admin, Uuid::now_v7(), wanted).await.expect(200);
    }
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_for_each_connection() {
    let world = with_networks("").await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let mut wanted = definition(&receiver, Some(BOOKED));
    wanted["url"] = receiver.url("https", "localhost").into();
    let id = Uuid::now_v7();
    let made = put(&admin, id, wanted).await.expect(200);
    let hook = super::webhooks::Hook {
        id,
        secret: made.body["secret"].as_str().unwrap().to_owned(),
    };
    book(&world, &ada, &vera, 7).await;
    for attempt in 1..=2 {
        deliver(&world).await;
        let log = attempts(&admin, &hook).await;
        let last = log.last().unwrap();
        assert_eq!(last["outcome"], "FORBIDDEN");
        assert_eq!(
            (&last["attempt"], &last["http_status"]),
            (&json!(attempt), &Value::Null)
        );
        make_due(&world).await;
    }
    assert_eq!(receiver.connections(), 0);
    // The log names the webhook and nothing of its URL.
    let lines = world.cloud.logs("deliver-webhooks");
    let line = lines
        .wait_for("a webhook did not accept an event", PATIENCE)
        .await
        .unwrap();
    assert!(
        line.contains("FORBIDDEN") && line.contains(&id.to_string()),
        "{line}"
    );
    let lines = lines.lines().join("\n");
    assert!(
        !lines.contains("hunter2") && !lines.contains("localhost"),
        "{lines}"
    );
}

#[tokio::test]
async fn an_allowed_network_does_not_open_others() {
    let world = with_networks("10.1.0.0/16,::1/128").await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let refused = put(&admin, Uuid::now_v7(), definition(&receiver, None)).await;
    refused.invalid("url");
    // Another network is opened in the database by somebody who doesn't know the setting.
    let mut wanted = definition(&receiver, Some(BOOKED));
    wanted["url"] = "http://10.1.2.3/".into();
    let id = Uuid::now_v7();
    let made = put(&admin, id, wanted).await.expect(200);
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    let hook = super::webhooks::Hook { id, secret };
    let url = receiver.url("http", "127.0.0.1");
    world.sql("update webhooks set url = $1", &[&url]).await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    book(&world, &ada, &vera, 7).await;
    deliver(&world).await;
    assert_eq!(attempts(&admin, &hook).await[0]["outcome"], "FORBIDDEN");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_receiver_that_does_not_speak_tls_gets_nothing_from_an_https_url() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let hook = hook(&admin, &receiver, Some(BOOKED)).await;
    let url = receiver.url("https", "127.0.0.1");
    world.sql("update webhooks set url = $1", &[&url]).await;
    book(&world, &ada, &vera, 7).await;
    deliver(&world).await;
    assert_eq!(attempts(&admin, &hook).await[0]["outcome"], "UNREACHABLE");
    assert!(receiver.deliveries().is_empty());
}
