//! `PUT /v1/roles/{name}`

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;

fn row() -> Expected {
    audit("put-role", "UPDATE", "ROLE")
}

/// Creates the role.
async fn put(caller: &Actor, name: &str, permissions: Value) -> Answer {
    let body = json!({"description": "For this test", "permissions": permissions});
    caller
        .send(Method::PUT, &format!("/v1/roles/{name}"), Some(body))
        .await
}

/// Replaces the version of the role with this tag.
async fn replace(caller: &Actor, name: &str, tag: &str, permissions: Value) -> Answer {
    let body = json!({"description": "For this test", "permissions": permissions});
    let request = caller
        .request(Method::PUT, &format!("/v1/roles/{name}"))
        .header(IF_MATCH, tag)
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string().into());
    caller.send_request(request.unwrap()).await
}

async fn roles(world: &World) -> Vec<Value> {
    world
        .rows(
            "select r.*, p.permission, p.reach from roles r left join role_permissions p on p.role = r.name
             order by name, permission",
            &[],
        )
        .await
}

#[tokio::test]
async fn a_new_role_works_without_a_deployment() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let held = json!({"users:read": "OWN", "patients:read": "ALL", "providers:read": "ALL"});
    let answer = put(&admin, "SCRIBE", held.clone()).await.expect(200);
    assert_eq!(
        answer.body,
        json!({
            "name": "SCRIBE", "description": "For this test", "permissions": held, "version": 1
        })
    );
    assert_eq!(answer.header("etag"), "\"1\"");
    world
        .audited(&answer, row().by(&admin).detail("role", "SCRIBE"))
        .await;

    // This is the same person who had no profile before.
    let stranger = world.stranger();
    let profile = json!({
        "subject": stranger.subject, "username": "nora@example.org", "first_name": "Nora",
        "last_name": "Example", "role": "SCRIBE"
    });
    admin.post("/v1/users", profile).await.expect(201);
    let me = stranger.get("/v1/me").await.expect(200);
    assert_eq!(me.body["permissions"], held);
    let chart = stranger
        .get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    assert_eq!(chart.body["first_name"], "Ada");
    assert_eq!(chart.body["allergies"], Value::Null);
    stranger
        .get("/v1/appointments")
        .await
        .problem(403, "forbidden");

    // The permissions are replaced, not added to, from the next request on.
    let less = json!({"users:read": "OWN", "appointments:read": "ALL"});
    let answer = replace(&admin, "SCRIBE", "\"1\"", less).await.expect(200);
    assert_eq!(answer.header("etag"), "\"2\"");
    stranger.get("/v1/appointments").await.expect(200);
    stranger.get("/v1/patients").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_third_party_sees_only_what_it_was_granted() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    put(&admin, "THIRD_PARTY", json!({"appointments:read": "ALL"}))
        .await
        .expect(200);
    let scheduler = world.user("THIRD_PARTY", "Theo").await;
    let answer = scheduler.get("/v1/appointments").await.expect(200);
    assert_eq!(answer.ids(), [visit]);
    for path in ["/v1/me", "/v1/patients", "/v1/medical-records"] {
        scheduler.get(path).await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn an_existing_role_is_replaced_only_with_its_version() {
    let world = World::new().await;
    let (admin, other) = (world.admin().await, world.admin().await);
    let (first, second) = (
        json!({"users:read": "OWN"}),
        json!({"providers:read": "ALL"}),
    );
    put(&admin, "SCRIBE", first).await.expect(200);
    let made = admin.get("/v1/roles").await.expect(200);
    let roles_made = made.body["items"].as_array().unwrap();
    let scribe = roles_made.iter().find(|role| role["name"] == "SCRIBE");
    assert_eq!(scribe.unwrap()["version"], 1);
    replace(&admin, "SCRIBE", "\"1\"", second.clone())
        .await
        .expect(200);

    let before = roles(&world).await;
    let detailed = |reason| row().by(&other).detail("role", "SCRIBE").failed(reason);
    let answer = put(&other, "SCRIBE", json!({})).await;
    let answer = answer.problem(428, "precondition-required");
    let expected = detailed("precondition-required");
    world.audited(&answer, expected).await;
    for tag in ["\"1\"", "\"3\"", "W/\"2\""] {
        let answer = replace(&other, "SCRIBE", tag, json!({})).await;
        let answer = answer.problem(412, "precondition-failed");
        world
            .audited(&answer, detailed("precondition-failed"))
            .await;
    }
    // An absent role has no version.
    for tag in ["\"1\"", "*"] {
        let answer = replace(&other, "THIRD_PARTY", tag, json!({})).await;
        let answer = answer.problem(412, "precondition-failed");
        let failed = row().by(&other).detail("role", "THIRD_PARTY");
        world
            .audited(&answer, failed.failed("precondition-failed"))
            .await;
    }
    assert_eq!(roles(&world).await, before);
    let answer = replace(&other, "SCRIBE", "*", second).await.expect(200);
    assert_eq!(answer.body["version"], 3);
}

#[tokio::test]
async fn of_two_concurrent_replacements_the_second_is_refused() {
    let world = World::new().await;
    let (admin, other) = (world.admin().await, world.admin().await);
    let (one, another) = (
        json!({"users:read": "OWN"}),
        json!({"providers:read": "ALL"}),
    );
    let made = tokio::join!(
        put(&admin, "SCRIBE", one.clone()),
        put(&other, "SCRIBE", another.clone()),
    );
    let mut statuses = [made.0.status, made.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 428]);
    let replaced = tokio::join!(
        replace(&admin, "SCRIBE", "\"1\"", one),
        replace(&other, "SCRIBE", "\"1\"", another),
    );
    let mut statuses = [replaced.0.status, replaced.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn permissions_that_no_migration_allows_are_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let before = roles(&world).await;
    for (permissions, field) in [
        (json!({"wizardry:read": "ALL"}), "permissions"),
        (json!({"Users": "ALL"}), "permissions"),
        // This permission is reserved for functions.
        (json!({"files:process": "ALL"}), "permissions"),
        // This permission is reserved for ADMIN, because whoever holds it could grant themselves
        // any other.
        (json!({"roles:write": "ALL"}), "permissions"),
        // No human role reaches every chart.
        (json!({"records:read": "ALL"}), "permissions"),
        (json!({"patients:clinical": "ALL"}), "permissions"),
        (
            json!({"users:read": "EVERYTHING"}),
            "permissions.users:read",
        ),
        (json!(["users:read"]), "permissions"),
    ] {
        // The audit row names the role once the body is parsed.
        let is_read = field == "permissions" && permissions.is_object();
        let answer = put(&admin, "SCRIBE", permissions).await.invalid(field);
        let failed = row().by(&admin).failed("invalid");
        let failed = match is_read {
            true => failed.detail("role", "SCRIBE"),
            false => failed,
        };
        world.audited(&answer, failed).await;
    }
    for name in ["scribe", "N", "SCRIBE-2"] {
        let answer = put(&admin, name, json!({})).await.invalid("name");
        world
            .audited(&answer, row().by(&admin).failed("invalid"))
            .await;
    }
    assert_eq!(roles(&world).await, before);
}

#[tokio::test]
async fn a_user_who_manages_accounts_can_not_create_or_change_administrators() {
    let world = World::new().await;
    let admin = world.admin().await;
    let held = json!({"users:read": "ALL", "users:write": "ALL", "users:update": "ALL"});
    put(&admin, "HELP_DESK", held).await.expect(200);
    let (helper, friend) = (
        world.user("HELP_DESK", "Hedda").await,
        world.user("HELP_DESK", "Frieda").await,
    );
    let before = world.stored().await;
    let profile = json!({
        "subject": Uuid::new_v4(), "username": "mallory@example.org", "first_name": "Mallory",
        "last_name": "Example", "role": "ADMIN"
    });
    let answer = helper.post("/v1/users", profile.clone()).await;
    let refused = answer.problem(403, "forbidden");
    let row = audit("create-user", "CREATE", "USER").by(&helper);
    world
        .audited(&refused, row.attempted().denied("forbidden"))
        .await;
    let path = format!("/v1/users/{}", friend.user);
    let answer = helper.patch(&path, 1, json!({"role": "ADMIN"})).await;
    answer.problem(403, "forbidden");
    let path = format!("/v1/users/{}", admin.user);
    for change in [json!({"role": "HELP_DESK"}), json!({"status": "SUSPENDED"})] {
        let answer = helper.patch(&path, 1, change).await;
        answer.problem(404, "not-found");
    }
    let answer = helper.delete(&path, 1).await;
    answer.problem(404, "not-found");
    assert_eq!(world.stored().await, before);
    // They may change other accounts, but only an administrator may change an administrator.
    let path = format!("/v1/users/{}", friend.user);
    let suspended = json!({"status": "SUSPENDED"});
    helper.patch(&path, 1, suspended).await.expect(200);
    let made = admin.post("/v1/users", profile).await;
    made.expect(201);
}

#[tokio::test]
async fn only_a_migration_changes_the_roles_that_migrations_made() {
    let world = World::new().await;
    let admin = world.admin().await;
    let before = roles(&world).await;
    for (name, permissions) in [
        ("ADMIN", json!({"users:read": "ALL"})),
        (
            "ADMIN",
            json!({"roles:write": "ALL", "records:read": "CARE"}),
        ),
        ("SYSTEM", json!({"users:read": "ALL"})),
        // Every patient would read all the others.
        ("PATIENT", json!({"patients:read": "ALL"})),
        ("PROVIDER", json!({"patients:read": "ALL"})),
        ("NURSE", json!({})),
        ("FRONT_DESK", json!({"users:approve": "ALL"})),
        ("COMPLIANCE_OFFICER", json!({})),
    ] {
        let answer = replace(&admin, name, "*", permissions)
            .await
            .problem(409, "conflict");
        let failed = row().by(&admin).detail("role", name);
        world.audited(&answer, failed.failed("conflict")).await;
    }
    assert_eq!(roles(&world).await, before);
}

#[tokio::test]
async fn nobody_gives_or_takes_a_permission_that_they_do_not_hold_as_far() {
    let world = World::new().await;
    let admin = world.admin().await;
    for permissions in [
        json!({"audit:read": "ALL"}),
        json!({"records:read": "CARE"}),
        json!({"patients:clinical": "OWN"}),
    ] {
        let answer = put(&admin, "SCRIBE", permissions).await;
        let answer = answer.problem(403, "forbidden");
        let denied = row().by(&admin).detail("role", "SCRIBE");
        world.audited(&answer, denied.denied("forbidden")).await;
    }
    // A role with more than they hold is not theirs to change either.
    world
        .sql(
            "insert into roles (name, description) values ('SCRIBE', 'Helps')",
            &[],
        )
        .await;
    world
        .redefine("SCRIBE", json!({"records:read": "CARE"}))
        .await;
    let answer = replace(&admin, "SCRIBE", "*", json!({})).await;
    answer.problem(403, "forbidden");
}

#[tokio::test]
async fn only_an_administrator_changes_roles() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let before = roles(&world).await;
    for caller in [&*ada, &*vera, &officer] {
        let answer = put(caller, "SCRIBE", json!({}))
            .await
            .problem(403, "forbidden");
        let denied = row().by(caller).detail("role", "SCRIBE");
        world.audited(&answer, denied.denied("forbidden")).await;
    }
    // The database refuses it too.
    let app = world.connect_as(PEOPLE).await;
    for (statement, code) in [
        ("select put_role('SCRIBE', 'x', '{}', null)", "CT007"),
        ("insert into permissions values ('x:y', '{ALL}')", "42501"),
        ("update permissions set reaches = '{ALL}'", "42501"),
    ] {
        let refused = app.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), code, "{statement}");
    }
    assert_eq!(roles(&world).await, before);
}
