//! `PUT /v1/retention-rules/{resource_type}`

use http::Method;
use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

const PATH: &str = "/v1/retention-rules/MEDICAL_RECORD";

fn row() -> Expected {
    audit("put-retention-rule", "UPDATE", "RETENTION")
}

fn rule(adult_years: i32, majority_age: i32, minor_years: i32) -> Value {
    json!({
        "adult_years": adult_years, "majority_age": majority_age, "minor_years": minor_years,
        "reason": "Obstetrics"
    })
}

async fn put(caller: &Actor, body: Value) -> Answer {
    caller.send(Method::PUT, PATH, Some(body)).await
}

#[tokio::test]
async fn an_administrator_raises_a_rule_and_repeating_it_adds_no_version() {
    let world = World::new().await;
    let admin = world.admin().await;
    // What came with Caretrail has version 1.
    for (years, version) in [(15, 2), (15, 2), (30, 3), (12, 4)] {
        let answer = put(&admin, rule(years, 18, 12)).await.expect(200);
        assert_eq!(answer.body["version"], version);
        assert_eq!(answer.body["adult_years"], years);
        assert_eq!(answer.body["jurisdiction"], "US");
        assert_eq!(answer.body["set_by"], json!(admin.user));
        let details = row()
            .by(&admin)
            .detail("kind", "MEDICAL_RECORD")
            .detail("adult_years", years)
            .detail("majority_age", 18)
            .detail("minor_years", 12);
        world.audited(&answer, details).await;
    }
    let applied = world
        .row("select * from retention_rule('MEDICAL_RECORD')", &[])
        .await;
    assert_eq!(
        applied,
        json!({
            "adult_years": 12, "majority_age": 18, "minor_years": 12,
            "rules": ["US/MEDICAL_RECORD/1", "US/MEDICAL_RECORD/4"]
        })
    );
}

#[tokio::test]
async fn no_rule_can_be_below_its_floor() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (body, field) in [
        (rule(9, 18, 10), "adult_years"),
        (rule(10, 17, 10), "majority_age"),
        (rule(10, 18, 9), "minor_years"),
        (rule(0, 18, 10), "adult_years"),
        (rule(201, 18, 10), "adult_years"),
    ] {
        let answer = put(&admin, body).await.invalid(field);
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].entry.details["reason"], "invalid");
    }
    // A clinic of a stricter state has the stricter floor, and one of a less strict state that of the country.
    for (jurisdiction, adult_years, minor_years) in [("US-NC", 10, 12), ("US-TX", 9, 10)] {
        migrations::set_retention_jurisdiction(&world.superuser_url(), None, jurisdiction)
            .await
            .unwrap();
        put(&admin, rule(adult_years, 18, minor_years))
            .await
            .invalid("adult_years");
    }
    let unchanged = world
        .rows("select from retention_rules where set_by is not null", &[])
        .await;
    assert!(unchanged.is_empty());
}

#[tokio::test]
async fn neither_sql_nor_an_operator_gets_below_a_floor() {
    let world = World::new().await;
    let admin = world.admin().await;

    // A function that is deceived
    let app = world.connect_as(PEOPLE).await;
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, &admin, "retention:write")
        .await
        .unwrap();
    let insert = |jurisdiction: &str, kind: &str, years: i32| {
        format!(
            "insert into retention_rules (jurisdiction, resource_type, adult_years, majority_age, minor_years, reason)
             values ('{jurisdiction}', '{kind}', {years}, 18, 0, 'x')"
        )
    };
    let refused = app
        .batch_execute(&insert("US", "FILE", 3))
        .await
        .unwrap_err();
    let constraint = refused.as_db_error().unwrap().constraint();
    assert_eq!(constraint, Some("retention_rules_floor_adult_years"));
    app.batch_execute("rollback").await.unwrap();

    // An operator: a lower rule has no effect, and no rule of the audit log has less than six years.
    world.sql(&insert("US", "FILE", 3), &[]).await;
    world.sql(&insert("US-OR", "FILE", 1), &[]).await;
    migrations::set_retention_jurisdiction(&world.superuser_url(), None, "US-OR")
        .await
        .unwrap();
    let applied = world.row("select adult_years from retention_rule('FILE')", &[]);
    assert_eq!(applied.await, json!({"adult_years": 10}));
    let superuser = world.connect().await;
    for (statement, code) in [
        (insert("US", "AUDIT_LOG", 5), "23514"),
        (
            "update retention_rules set adult_years = 1".to_owned(),
            "23001",
        ),
        ("delete from retention_rules".to_owned(), "23001"),
        ("update settings set days_to_object = 0".to_owned(), "23514"),
        (
            "update settings set retention_jurisdiction = 'XX'".to_owned(),
            "23514",
        ),
    ] {
        let refused = superuser.batch_execute(&statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), code, "{statement}");
    }
}

#[tokio::test]
async fn other_roles_and_unknown_kinds_are_refused() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let answer = put(&officer, rule(15, 18, 12))
        .await
        .problem(403, "forbidden");
    let rows = world.audit_of(&answer).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].entry.details["reason"], "forbidden");
    admin
        .send(
            Method::PUT,
            "/v1/retention-rules/ROLE",
            Some(rule(15, 18, 12)),
        )
        .await
        .problem(404, "not-found");
}
