//! Schedule, every five minutes: `count-refused-tokens`

use std::collections::BTreeMap;

use tests::audit::Expected;
use tests::prelude::*;

use super::{alerts, schedule};

/// A line can be found a second after it was written. The rule raises an alert from three tokens on.
async fn world() -> World {
    let world = World::with(Setup {
        environment: BTreeMap::from([("REFUSED_TOKENS_WAIT".to_owned(), "1".to_owned())]),
        ..Setup::default()
    })
    .await;
    let few = "update alert_rules set threshold = 3 where name = 'failed-sign-ins'";
    world.sql(few, &[]).await;
    // What happened before the test is of no interest.
    let now = "update refused_tokens_review set until = date_trunc('milliseconds', now())";
    world.sql(now, &[]).await;
    world
}

/// Adds the line of a refused token, as a function writes it.
fn refuse(world: &World, address: &str, kind: &str) {
    world.add_function_line("get-me", &json!({
        "target": "security", "message": "caller not authenticated", "request_id": Uuid::now_v7(),
        "function": "get-me", "kind": kind, "reason": "unauthenticated: bad-signature", "source_ip": address,
    }));
}

/// Runs the job until it has counted this many tokens. Returns its steps.
async fn count(world: &World, expected: i64) -> Vec<Value> {
    let steps = std::sync::Mutex::new(Vec::new());
    eventually("the tokens are counted", async || {
        let run = world
            .cloud
            .invoke("count-refused-tokens", &schedule())
            .await
            .unwrap();
        let mut steps = steps.lock().unwrap();
        steps.extend(run["steps"].as_array().unwrap().clone());
        let counted = steps
            .iter()
            .map(|step| step["details"]["tokens"].as_i64().unwrap());
        counted.sum::<i64>() >= expected
    })
    .await;
    steps.into_inner().unwrap()
}

/// The networks and their tokens of all hours. The test may see the end of one.
async fn networks(world: &World) -> Vec<Value> {
    let networks = "select network::text as network, sum(tokens)::integer as tokens from refused_tokens group by 1 order by 1";
    world.rows(networks, &[]).await
}

#[tokio::test]
async fn tokens_that_were_never_valid_raise_one_alert_about_their_network_and_name_nobody() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let token = ada.token.as_ref().unwrap();
    let forger = ada.with_token(Some(format!("{token}x")));
    for _ in 0..4 {
        forger.get("/v1/me").await.problem(401, "not-authenticated");
    }
    let steps = count(&world, 4).await;
    assert_eq!(
        networks(&world).await,
        [json!({"network": "127.0.0.0/24", "tokens": 4})]
    );
    let raised = alerts(&world, "failed-sign-ins").await;
    assert_eq!(raised.len(), 1);
    for (field, value) in [
        ("network", json!("127.0.0.0/24")),
        ("actor_id", Value::Null),
        ("patient_id", Value::Null),
        ("evidence", json!([])),
        ("score", json!(40)),
    ] {
        assert_eq!(raised[0][field], value, "{field}");
    }
    for step in steps {
        let rows = world
            .audit_of_request(step["request_id"].as_str().unwrap())
            .await;
        let mut expected = audit("count-refused-tokens", "PROCESS", "ALERT").by_system();
        for (note, value) in step["details"].as_object().unwrap() {
            expected = expected.detail(note, value.clone());
        }
        assert_eq!(Expected::of(&rows[0]), expected);
    }
    // What is counted stays counted, and is not counted again.
    let again = world
        .cloud
        .invoke("count-refused-tokens", &schedule())
        .await;
    assert_eq!(again.unwrap()["steps"], json!([]));

    // The officer reads the network in the alert.
    let officer = world.officer().await;
    let id = raised[0]["id"].as_str().unwrap();
    let alert = officer.get(&format!("/v1/alerts/{id}")).await.expect(200);
    assert_eq!(alert.body["network"], "127.0.0.0/24");
}

#[tokio::test]
async fn requests_without_a_token_or_with_an_expired_one_and_an_unreachable_issuer_count_nothing() {
    let world = world().await;
    let ada = world.patient("Ada").await;
    let expired = world.as_changed(&ada, |request| request.expires_in = -1);
    for _ in 0..5 {
        for caller in [&world.anybody(), &expired] {
            caller.get("/v1/me").await.problem(401, "not-authenticated");
        }
    }
    world.add_function_line("get-me", &json!({
        "message": "caller not authenticated", "reason": "the keys that verify tokens are unavailable",
        "source_ip": "192.0.2.7",
    }));
    refuse(&world, "192.0.2.7", "malformed");
    count(&world, 1).await;
    assert_eq!(
        networks(&world).await,
        [json!({"network": "192.0.2.0/24", "tokens": 1})]
    );
    assert!(alerts(&world, "failed-sign-ins").await.is_empty());
}

#[tokio::test]
async fn networks_are_counted_apart_and_their_alerts_are_others() {
    let world = world().await;
    for address in [
        "192.0.2.7",
        "192.0.2.250",
        "::ffff:192.0.2.8",
        "203.0.113.1",
    ] {
        refuse(&world, address, "wrong-signature");
    }
    for address in ["2001:db8:7::1", "2001:db8:7:ffff::1", "2001:db8:7:1:2::3"] {
        refuse(&world, address, "not-for-users");
    }
    count(&world, 7).await;
    assert_eq!(
        networks(&world).await,
        [
            json!({"network": "192.0.2.0/24", "tokens": 3}),
            json!({"network": "2001:db8:7::/48", "tokens": 3}),
            json!({"network": "203.0.113.0/24", "tokens": 1}),
        ]
    );
    let raised = alerts(&world, "failed-sign-ins").await;
    let mut found: Vec<_> = raised
        .iter()
        .map(|alert| alert["network"].clone())
        .collect();
    found.sort_by_key(Value::to_string);
    assert_eq!(found, [json!("192.0.2.0/24"), json!("2001:db8:7::/48")]);

    // The hour goes on, and so does the alert.
    refuse(&world, "192.0.2.9", "malformed");
    count(&world, 1).await;
    let raised = alerts(&world, "failed-sign-ins").await;
    assert_eq!(raised.len(), 2);
    let occurrences: i64 = raised
        .iter()
        .map(|alert| alert["occurrences"].as_i64().unwrap())
        .sum();
    assert_eq!(occurrences, 3);
}

#[tokio::test]
async fn counts_are_deleted_after_a_day_and_an_outage_of_a_day_is_caught_up_hour_by_hour() {
    let world = world().await;
    world
        .sql(
            "insert into refused_tokens (network, hour, tokens)
             values ('192.0.2.0/24', date_trunc('hour', now()) - interval '25 hours', 9),
               ('192.0.2.0/24', date_trunc('hour', now()) - interval '23 hours', 9)",
            &[],
        )
        .await;
    let long_ago = "update refused_tokens_review set until = now() - interval '9 days'";
    world.sql(long_ago, &[]).await;
    refuse(&world, "203.0.113.1", "malformed");
    let steps = count(&world, 1).await;
    assert!((24..=26).contains(&steps.len()), "{}", steps.len());
    assert_eq!(
        networks(&world).await,
        [
            json!({"network": "192.0.2.0/24", "tokens": 9}),
            json!({"network": "203.0.113.0/24", "tokens": 1}),
        ]
    );
}

#[tokio::test]
async fn only_the_job_counts_and_nobody_reads_the_counts() {
    let world = World::new().await;
    for (login, code) in [("caretrail_people", "42501"), ("caretrail_jobs", "CT007")] {
        let connection = world.connect_as(login).await;
        for statement in [
            "select next_refused_tokens(1)",
            "select count_refused_tokens(now(), now(), '{}', '{}')",
        ] {
            let error = connection.query(statement, &[]).await.unwrap_err();
            let error = error.as_db_error().unwrap();
            assert_eq!(error.code().code(), code, "{login}: {statement}");
        }
        for table in ["refused_tokens", "refused_tokens_review"] {
            let read = format!("select from {table}");
            let error = connection.query(&read, &[]).await.unwrap_err();
            assert_eq!(
                error.as_db_error().unwrap().code().code(),
                "42501",
                "{table}"
            );
        }
    }
}
