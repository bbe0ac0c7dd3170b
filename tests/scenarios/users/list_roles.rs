//! `GET /v1/roles`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-roles", "SEARCH", "ROLE")
}

#[tokio::test]
async fn an_administrator_and_an_officer_see_what_each_role_may_do() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    for caller in [&admin, &officer] {
        let answer = caller.get("/v1/roles").await.expect(200);
        let roles = answer.body["items"].as_array().unwrap();
        let names: Vec<_> = roles.iter().map(|role| &role["name"]).collect();
        let expected = [
            "ADMIN",
            "COMPLIANCE_OFFICER",
            "FRONT_DESK",
            "IMPORTER",
            "NURSE",
            "PATIENT",
            "PROVIDER",
            "SYSTEM",
        ];
        assert_eq!(names, expected);
        assert_eq!(roles[0]["permissions"]["roles:write"], "ALL");
        assert_eq!(roles[2]["permissions"].get("records:read"), None);
        assert_eq!(roles[3]["permissions"]["records:read"], "SOURCE");
        assert_eq!(roles[4]["permissions"]["records:read"], "CARE");
        assert_eq!(roles[5]["permissions"]["records:read"], "OWN");
        assert_eq!(roles[6]["permissions"]["records:read"], "CARE");
        assert_eq!(roles[6]["version"], 1);
        world.audited(&answer, row().by(caller)).await;
    }
    let first = admin.get("/v1/roles?limit=7").await.expect(200);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let last = admin
        .get(&format!("/v1/roles?limit=7&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(last.body["items"][0]["name"], "SYSTEM");
    assert_eq!(last.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn nobody_else_lists_roles() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).denied("forbidden");
        world.refused(caller.get("/v1/roles"), 403, denied).await;
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_named() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .invalid(admin.get("/v1/roles?name=ADMIN"), "name", row().by(&admin))
        .await;
}
