//! `GET /v1/alerts/{id}`

use tests::audit::Expected;
use tests::prelude::*;

use super::{path, raise};

fn row() -> Expected {
    audit("get-alert", "READ", "ALERT")
}

#[tokio::test]
async fn an_officer_reads_what_an_alert_is_about() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    // The rule weighs 40, and an access at night more.
    let noon = "select first_audit_id('2026-01-05T12:00:00Z')";
    let evidence: Uuid = world.sql(noon, &[]).await[0].get(0);
    let id = raise(&world, Some(vera.user), Some(ada.id), &[evidence]).await;
    let id = id.unwrap();
    let read = officer.get(&path(id)).await.expect(200);
    assert_eq!(read.header("etag"), "\"1\"");
    for (field, value) in [
        ("rule", json!("unexplained-access")),
        ("status", json!("OPEN")),
        ("score", json!(40)),
        ("actor_id", json!(vera.user)),
        ("patient_id", json!(ada.id)),
        ("evidence", json!([evidence])),
        ("explanations", json!(["VISIT", "CARE_TEAM"])),
        ("occurrences", json!(1)),
        ("assigned_to", Value::Null),
        ("disposition", Value::Null),
    ] {
        assert_eq!(read.body[field], value, "{field}");
    }
    let expected = row().by(&officer).resource(id).patient(ada.id);
    world.audited(&read, expected).await;
    // Another occurrence is another version, so a copy is not taken for the newest.
    raise(&world, Some(vera.user), Some(ada.id), &[]).await;
    let again = officer.get(&path(id)).await.expect(200);
    assert_eq!(again.header("etag"), "\"2\"");
    assert_eq!(again.body["occurrences"], 2);
}

#[tokio::test]
async fn an_absent_alert_is_not_found_and_other_roles_are_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let absent = Uuid::now_v7();
    let failed = row().by(&officer).resource(absent).failed("not-found");
    world.refused(officer.get(&path(absent)), 404, failed).await;
    let id = world.alert(vera.user, Some(ada.id)).await;
    // Neither whom it is about nor whose chart it is.
    for caller in [&*vera, &*ada, &admin] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        let denied = denied.denied("forbidden");
        world.refused(caller.get(&path(id)), 403, denied).await;
    }
    officer.get("/v1/alerts/7").await.problem(404, "not-found");
}

#[tokio::test]
async fn without_a_second_factor_an_officer_reads_no_alert() {
    let world = World::new().await;
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    let id = world.alert(vera.user, None).await;
    let weak = world.as_changed(&officer, |token| "aal1".clone_into(&mut token.aal));
    let answer = weak.get(&path(id)).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
}
