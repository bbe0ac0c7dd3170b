//! `PUT /v1/alert-rules/{name}`

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use tests::audit::Expected;
use tests::prelude::*;

use super::raise;

const PATH: &str = "/v1/alert-rules/unexplained-access";

fn row() -> Expected {
    audit("put-alert-rule", "UPDATE", "ALERT_RULE")
}

fn numbers() -> Value {
    json!({"threshold": 3, "weight": 90, "is_enabled": true})
}

async fn put(caller: &Actor, path: &str, tag: &str, rule: Value) -> Answer {
    let request = caller
        .request(Method::PUT, path)
        .header(IF_MATCH, tag)
        .header(CONTENT_TYPE, "application/json")
        .body(rule.to_string().into());
    caller.send_request(request.unwrap()).await
}

#[tokio::test]
async fn a_rule_gets_new_numbers_as_a_new_version_that_later_alerts_name() {
    let world = World::new().await;
    let (officer, vera) = (world.officer().await, world.provider("Vera").await);
    let set = put(&officer, PATH, "\"1\"", numbers()).await.expect(200);
    assert_eq!(set.header("etag"), "\"2\"");
    for (field, value) in [
        ("name", json!("unexplained-access")),
        ("threshold", json!(3)),
        ("weight", json!(90)),
        ("is_enabled", json!(true)),
        ("version", json!(2)),
    ] {
        assert_eq!(set.body[field], value, "{field}");
    }
    let expected = row()
        .by(&officer)
        .detail("rule", "unexplained-access")
        .detail("threshold", 3)
        .detail("weight", 90)
        .detail("is_enabled", true);
    world.audited(&set, expected).await;
    let stored = "select threshold, weight, is_enabled, version from alert_rules where name = 'unexplained-access'";
    let mut expected = numbers();
    expected["version"] = 2.into();
    assert_eq!(world.row(stored, &[]).await, expected);

    let alert = raise(&world, Some(vera.user), None, &[]).await.unwrap();
    let alert = super::stored(&world, alert).await;
    assert_eq!(
        (&alert["rule_version"], &alert["score"]),
        (&json!(2), &json!(90))
    );
    let mut disabled = numbers();
    disabled["is_enabled"] = false.into();
    put(&officer, PATH, "\"2\"", disabled).await.expect(200);
    assert_eq!(raise(&world, Some(vera.user), None, &[]).await, None);
}

#[tokio::test]
async fn another_version_an_unknown_rule_and_other_roles_are_refused() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let stale = put(&officer, PATH, "\"2\"", numbers());
    let failed = row().by(&officer).failed("precondition-failed");
    world.refused(stale, 412, failed).await;
    let without = officer.send(Method::PUT, PATH, Some(numbers())).await;
    without.problem(428, "precondition-required");
    for name in ["no-such-rule", "UNEXPLAINED", "x", "%00", "%C3%A4"] {
        let path = format!("/v1/alert-rules/{name}");
        let absent = put(&officer, &path, "*", numbers());
        let failed = row().by(&officer).failed("not-found");
        world.refused(absent, 404, failed).await;
    }
    let denied = row().by(&admin).denied("forbidden");
    world
        .refused(put(&admin, PATH, "*", numbers()), 403, denied)
        .await;
    let stored = "select version from alert_rules where name = 'unexplained-access'";
    assert_eq!(world.row(stored, &[]).await, json!({"version": 1}));
}

#[tokio::test]
async fn numbers_out_of_range_are_refused() {
    let world = World::new().await;
    let officer = world.officer().await;
    for (field, value) in [
        ("threshold", json!(0)),
        ("threshold", json!(1_000_001)),
        ("weight", json!(0)),
        ("weight", json!(101)),
        ("weight", json!(1.5)),
        ("is_enabled", json!("yes")),
        ("meaning", json!("Anything")),
    ] {
        let mut rule = numbers();
        rule[field] = value;
        put(&officer, PATH, "*", rule).await.invalid(field);
    }
}
