//! `GET /v1/alert-rules`

use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/alert-rules";

fn row() -> Expected {
    audit("list-alert-rules", "SEARCH", "ALERT_RULE")
}

#[tokio::test]
async fn an_officer_lists_all_rules_by_name_in_pages() {
    let world = World::new().await;
    let officer = world.officer().await;
    let new = "insert into alert_rules (name, meaning, threshold, weight, is_enabled)
               values ('another-rule', 'Anything', 3, 7, false)";
    world.sql(new, &[]).await;
    let stored = world
        .rows("select name from alert_rules order by name", &[])
        .await;
    let mut listed = Vec::new();
    let mut path = format!("{PATH}?limit=1");
    loop {
        let page = officer.get(&path).await.expect(200);
        world.audited(&page, row().by(&officer)).await;
        listed.extend(page.body["items"].as_array().unwrap().clone());
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?limit=1&cursor={cursor}");
    }
    let names: Vec<_> = listed
        .iter()
        .map(|rule| json!({"name": rule["name"]}))
        .collect();
    assert_eq!(names, stored);
    let mut first = listed.remove(0);
    first["updated_at"].take();
    assert_eq!(
        first,
        json!({
            "name": "another-rule", "meaning": "Anything", "threshold": 3, "weight": 7, "is_enabled": false,
            "updated_at": null, "version": 1
        })
    );
}

#[tokio::test]
async fn other_roles_and_unknown_parameters_are_refused() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let denied = row().by(&admin).denied("forbidden");
    world.refused(admin.get(PATH), 403, denied).await;
    let answer = officer.get(&format!("{PATH}?limit=0")).await;
    answer.problem(422, "invalid");
}
