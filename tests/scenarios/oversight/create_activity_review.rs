//! `POST /v1/activity-reviews`

use tests::audit::Expected;
use tests::prelude::*;

use super::{REVIEWS, age_accesses, granted, path, raise, resolved};

fn row(from: &str, until: &str) -> Expected {
    let row = audit("create-activity-review", "CREATE", "ACTIVITY_REVIEW");
    row.detail("covered_from", from)
        .detail("covered_until", until)
}

/// The day (UTC) this many days ago.
fn day(ago: i64) -> String {
    days_ago(ago)[..10].to_owned()
}

/// Moves everything that happened to yesterday, which is over.
async fn move_to_yesterday(world: &World) {
    for statement in [
        "update audit_logs set timestamp = timestamp - interval '1 day', id = first_audit_id(timestamp - interval '1 day'),
           month = audit_month(timestamp - interval '1 day')",
        "update alerts set first_at = first_at - interval '1 day'",
        "update incidents set created_at = created_at - interval '1 day', decided_at = decided_at - interval '1 day'",
    ] {
        world.rewrite_history(statement).await;
    }
}

/// The number of rows with this value of the field.
fn count(review: &Answer, field: &str, key: &str) -> i64 {
    let groups = review.body["figures"]["audit_rows"][field].as_array();
    let found = groups.unwrap().iter().find(|group| group["key"] == key);
    found.map_or(0, |group| group["rows"].as_i64().unwrap())
}

#[tokio::test]
async fn a_review_begins_with_what_happened_in_its_period_and_what_is_open() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    for (reads, status) in [(3, 200), (2, 404)] {
        let patient = if status == 200 {
            ada.id
        } else {
            Uuid::now_v7()
        };
        for _ in 0..reads {
            let read = ada.get(&format!("/v1/patients/{patient}")).await;
            assert_eq!(read.status, status);
        }
    }
    // An alert about nobody's access is resolved, and another one stays open.
    let id = raise(&world, Some(vera.user), None, &[]).await.unwrap();
    raise(&world, None, None, &[]).await.unwrap();
    officer.patch(&path(id), 1, resolved()).await.expect(200);
    let disable = "update alert_rules set is_enabled = false where name = 'own-chart'";
    world.sql(disable, &[]).await;
    world.breach(&[ada.id]).await;
    move_to_yesterday(&world).await;

    let yesterday = day(1);
    let body = json!({"covered_from": yesterday, "covered_until": yesterday});
    let review = officer.post(REVIEWS, body).await.expect(201);
    let expected = row(&yesterday, &yesterday)
        .by(&officer)
        .resource(review.id());
    world.audited(&review, expected).await;
    assert_eq!(count(&review, "by_outcome", "FAILURE"), 2);
    assert_eq!(count(&review, "by_action_type", "READ"), 5);
    assert_eq!(count(&review, "by_resource_type", "PATIENT"), 5);
    assert_eq!(count(&review, "by_resource_type", "ALERT"), 1);
    assert_eq!(count(&review, "by_purpose_of_use", "PATRQT"), 3);
    let figures = &review.body["figures"];
    assert_eq!(figures["audit_rows"]["total"], 6);
    assert_eq!(figures["audit_rows"]["users"], 2);
    let raised = json!({
        "rule": "unexplained-access", "raised": 2, "justified": 1, "education": 0, "policy_violation": 0,
        "false_alarm": 0, "unresolved": 1
    });
    assert_eq!(figures["alerts"]["by_rule"], json!([raised]));
    assert_eq!(figures["alerts"]["unresolved"], 1);
    assert_eq!(figures["alerts"]["disabled_rules"], json!(["own-chart"]));
    assert_eq!(figures["incidents"]["opened"], 1);
    assert_eq!(figures["incidents"]["breaches"], 1);
    assert_eq!(figures["incidents"]["not_closed"], 1);
    assert_eq!(figures["integrity"]["sealed_rows"], 0);
    for field in [
        "signed_at",
        "signed_by",
        "conclusion",
        "html",
        "verification",
    ] {
        assert_eq!(review.body[field], Value::Null, "{field}");
    }
    // The day before has nothing but what is open now.
    let before = day(2);
    let body = json!({"covered_from": before, "covered_until": before});
    let empty = officer.post(REVIEWS, body).await.expect(201);
    assert_eq!(empty.body["figures"]["audit_rows"]["total"], 0);
    assert_eq!(empty.body["figures"]["alerts"]["by_rule"], json!([]));
    assert_eq!(empty.body["figures"]["alerts"]["unresolved"], 1);
}

#[tokio::test]
async fn emergency_accesses_and_seals_are_counted() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    granted(&vera, &kim).await;
    age_accesses(&world, "97 hours").await;
    world.seal().await;
    let (from, until) = (day(7), day(1));
    let body = json!({"covered_from": from, "covered_until": until});
    let review = officer.post(REVIEWS, body).await.expect(201);
    let figures = &review.body["figures"];
    let expected = json!({
        "granted": 1, "approved": 0, "incidents_opened": 0, "not_reviewed": 1, "overdue": 1
    });
    assert_eq!(figures["emergency_accesses"], expected);
    assert_ne!(figures["integrity"]["sealed_rows"], 0);
    assert_ne!(figures["integrity"]["sealed_at"], Value::Null);
}

#[tokio::test]
async fn a_period_must_be_over_and_lasts_a_year_at_most() {
    let world = World::new().await;
    let officer = world.officer().await;
    let today = day(0);
    for (from, until) in [
        (today.as_str(), today.as_str()),
        ("2026-01-02", "2026-01-01"),
        ("2024-01-01", "2025-06-01"),
    ] {
        let body = json!({"covered_from": from, "covered_until": until});
        let failed = row(from, until).by(&officer).attempted();
        world
            .invalid(officer.post(REVIEWS, body), "covered_until", failed)
            .await;
    }
    let body = json!({"covered_from": "2024-02-30", "covered_until": "2024-06-01"});
    let answer = officer.post(REVIEWS, body).await.problem(422, "invalid");
    answer.invalid("covered_from");
}

#[tokio::test]
async fn nobody_but_a_compliance_officer_begins_a_review() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    for caller in [&*ada, &*vera, &admin] {
        let body = json!({"covered_from": "2026-01-01", "covered_until": "2026-01-31"});
        let denied = row("2026-01-01", "2026-01-31").by(caller).attempted();
        world
            .refused(caller.post(REVIEWS, body), 403, denied.denied("forbidden"))
            .await;
    }
}
