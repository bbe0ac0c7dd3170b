//! `GET /v1/access-statistics`

use chrono::{TimeDelta, Utc};
use tests::archive::month_ago;
use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/access-statistics";

fn row() -> Expected {
    audit("get-access-statistics", "SEARCH", "AUDIT_LOG")
}

/// Asks for the statistics of yesterday and today, so that midnight makes no difference.
async fn statistics(world: &World, officer: &Actor, rest: &str) -> Value {
    let today = Utc::now().date_naive();
    let yesterday = today - TimeDelta::days(1);
    let answer = officer
        .get(&format!("{PATH}?from={yesterday}&until={today}&{rest}"))
        .await
        .expect(200);
    let mut expected = row().by(officer);
    for (name, value) in rest.split('&').filter_map(|pair| pair.split_once('=')) {
        if ["user_id", "patient_id"].contains(&name) {
            expected = expected.detail(&format!("filtered_{name}"), value);
        }
    }
    world.audited(&answer, expected).await;
    answer.body
}

/// The keys and counts of the groups. Their days must have the same sum.
fn groups(statistics: &Value) -> Vec<(String, i64)> {
    let groups = statistics["groups"].as_array().unwrap().iter();
    groups
        .map(|group| {
            let days = group["days"].as_array().unwrap().iter();
            let sum: i64 = days.map(|day| day["count"].as_i64().unwrap()).sum();
            assert_eq!(group["count"], sum);
            (group["key"].as_str().unwrap().to_owned(), sum)
        })
        .collect()
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    let pairs = expected.iter();
    pairs
        .map(|(key, count)| ((*key).to_owned(), *count))
        .collect()
}

#[tokio::test]
async fn rows_are_counted_by_each_field_the_largest_group_first_and_the_reading_is_recorded() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let chart = format!("/v1/patients/{}", ada.id);
    for _ in 0..3 {
        ada.get(&chart).await.expect(200);
    }
    ben.get(&chart).await.problem(404, "not-found");
    ben.get(&format!("/v1/patients/{}", Uuid::now_v7()))
        .await
        .problem(404, "not-found");
    admin.get("/v1/patients").await.expect(200);

    let (ada_id, ada_user, ben_user) = (
        ada.id.to_string(),
        ada.user.to_string(),
        ben.user.to_string(),
    );
    let of_persons = format!("action_type=READ&user_id={ada_user}");
    let of_chart = format!("action_type=READ&patient_id={ada_id}");
    for (query, expected) in [
        (
            "group_by=outcome&action_type=READ",
            pairs(&[("SUCCESS", 3), ("DENIED", 1), ("FAILURE", 1)]),
        ),
        ("group_by=action_type&outcome=DENIED", pairs(&[("READ", 1)])),
        (
            "group_by=application&application=get-patient",
            pairs(&[("get-patient", 5)]),
        ),
        (
            "group_by=user_id&application=get-patient",
            pairs(&[(&ada_user, 3), (&ben_user, 2)]),
        ),
        // A row about several patients is of none of them.
        ("group_by=patient_id", pairs(&[(&ada_id, 4)])),
        (
            &format!("group_by=outcome&{of_persons}"),
            pairs(&[("SUCCESS", 3)]),
        ),
        (
            &format!("group_by=outcome&{of_chart}"),
            pairs(&[("SUCCESS", 3), ("DENIED", 1)]),
        ),
        ("group_by=outcome&application=nothing", pairs(&[])),
    ] {
        let counted = statistics(&world, &officer, query).await;
        assert_eq!(groups(&counted), expected, "{query}");
        let total: i64 = expected.iter().map(|(_, count)| count).sum();
        assert_eq!(counted["total"], total, "{query}");
        assert_eq!(counted["other_groups"], 0, "{query}");
    }

    let few = statistics(
        &world,
        &officer,
        "group_by=outcome&action_type=READ&limit=1",
    )
    .await;
    assert_eq!(groups(&few), pairs(&[("SUCCESS", 3)]));
    assert_eq!(
        (&few["other_groups"], &few["other_count"]),
        (&json!(2), &json!(2))
    );
    let month = few["months"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&month["state"], &month["is_counted"]),
        (&json!("LIVE"), &json!(true))
    );
}

#[tokio::test]
async fn an_archived_month_is_counted_by_its_index_and_reported_if_it_can_not_be() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let chart = format!("/v1/patients/{}", ada.id);
    for _ in 0..2 {
        ada.get(&chart).await.expect(200);
    }
    ada.get(&format!("/v1/patients/{}", Uuid::now_v7()))
        .await
        .problem(404, "not-found");
    let rows = world.age_log(25).await;
    let month = month_ago(25);
    let first: chrono::NaiveDate = month.into();
    let last = first + TimeDelta::days(30);
    let ask = async |query: &str| {
        let path = format!("{PATH}?from={first}&until={last}&{query}");
        officer.get(&path).await.expect(200).body
    };
    let live = ask("group_by=outcome").await;
    assert_eq!(groups(&live), pairs(&[("SUCCESS", 2), ("FAILURE", 1)]));
    assert_eq!(
        live["months"][0],
        json!({"month": first, "state": "LIVE", "is_counted": true})
    );
    world.seal_month(rows.len()).await;
    assert!(!world.archive().await.is_empty());

    let archived = ask("group_by=outcome").await;
    assert_eq!(archived["groups"], live["groups"]);
    assert_eq!(
        archived["months"][0],
        json!({"month": first, "state": "ARCHIVED", "is_counted": true})
    );
    let filters = format!("group_by=patient_id&user_id={}&outcome=SUCCESS", ada.user);
    let chart = ask(&filters).await;
    assert_eq!(groups(&chart), pairs(&[(&ada.id.to_string(), 2)]));
    for query in [
        "group_by=application",
        "group_by=outcome&application=get-patient",
    ] {
        let left_out = ask(query).await;
        assert_eq!(groups(&left_out), [], "{query}");
        assert_eq!(
            left_out["months"][0],
            json!({"month": first, "state": "ARCHIVED", "is_counted": false}),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_period_of_more_than_a_year_one_that_ends_before_it_begins_and_unknown_fields_are_refused()
 {
    let world = World::new().await;
    let officer = world.officer().await;
    for (query, field) in [
        ("from=2030-01-01&until=2031-01-02&group_by=outcome", "until"),
        ("from=2030-01-02&until=2030-01-01&group_by=outcome", "until"),
        (
            "from=2030-01-01&until=2030-01-02&group_by=content",
            "group_by",
        ),
        ("from=2030-01-01&until=2030-01-02", "group_by"),
        ("from=yesterday&until=2030-01-02&group_by=outcome", "from"),
        (
            "from=2030-01-01&until=2030-01-02&group_by=outcome&limit=51",
            "limit",
        ),
    ] {
        let path = format!("{PATH}?{query}");
        world
            .invalid(officer.get(&path), field, row().by(&officer).so_far())
            .await;
    }
    let year = format!("{PATH}?from=2030-01-01&until=2031-01-01&group_by=outcome");
    let year = officer.get(&year).await.expect(200);
    assert_eq!(year.body["months"].as_array().unwrap().len(), 13);
    assert_eq!(year.body["total"], 0);
}

#[tokio::test]
async fn other_roles_are_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let path = format!("{PATH}?from=2030-01-01&until=2030-01-02&group_by=outcome");
    let denied = row().by(&admin).denied("forbidden");
    world.refused(admin.get(&path), 403, denied).await;
}
