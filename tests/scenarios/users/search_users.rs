//! `POST /v1/users/search`

use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/users/search";

fn row() -> Expected {
    audit("search-users", "SEARCH", "USER")
}

#[tokio::test]
async fn an_administrator_finds_accounts_by_name_and_by_address() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Adélie").await, world.provider("Adela").await);
    for (body, expected) in [
        (json!({"name": "example ADEL"}), vec![vera.user, ada.user]),
        (json!({"name": "adelie"}), vec![ada.user]),
        (json!({"name": "adel", "role": "PROVIDER"}), vec![vera.user]),
        (json!({"name": "adel", "role": "NURSE"}), vec![]),
        (json!({"username": vera.email}), vec![vera.user]),
        (
            json!({"username": vera.email.to_uppercase()}),
            vec![vera.user],
        ),
        (json!({"username": vera.email, "name": "ben"}), vec![]),
        (json!({"username": "nobody@example.org"}), vec![]),
        (json!({"name": "-"}), vec![]),
    ] {
        let answer = admin.post(PATH, body.clone()).await.expect(200);
        assert_eq!(answer.ids(), expected, "{body}");
        // The row names the patient whose account was shown.
        let row = match expected.contains(&ada.user) {
            true => row().patient(ada.id),
            false => row(),
        };
        world.audited(&answer, row.by(&admin)).await;
    }
}

#[tokio::test]
async fn pages_follow_each_other_and_archived_accounts_are_found_on_request() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut all = Vec::new();
    for name in ["Xa", "Xb", "Xc"] {
        all.push(world.user("NURSE", name).await.user);
    }
    let mut body = json!({"name": "x", "limit": 2});
    let first = admin.post(PATH, body.clone()).await.expect(200);
    assert_eq!(first.ids(), all[..2]);
    body["cursor"] = first.body["next_cursor"].clone();
    let last = admin.post(PATH, body.clone()).await.expect(200);
    assert_eq!(last.ids(), all[2..]);
    assert_eq!(last.body["next_cursor"], Value::Null);
    // The cursor continues this search and no other.
    body["name"] = json!("xa");
    let expected = row().by(&admin);
    world
        .invalid(admin.post(PATH, body), "cursor", expected)
        .await;
    admin
        .delete(&format!("/v1/users/{}", all[1]), 1)
        .await
        .expect(200);
    for (body, expected) in [
        (json!({"name": "x"}), vec![all[0], all[2]]),
        (json!({"name": "x", "include_archived": true}), all.clone()),
    ] {
        let answer = admin.post(PATH, body).await.expect(200);
        assert_eq!(answer.ids(), expected);
    }
}

#[tokio::test]
async fn the_few_users_of_a_role_are_found_among_many_people_of_the_same_name() {
    let world = World::new().await;
    let (admin, nora) = (world.admin().await, world.user("NURSE", "Maria").await);
    world
        .sql(
            "insert into user_profiles (id, first_name, last_name, role)
             select gen_random_uuid(), 'Maria', 'Example', 'PATIENT' from generate_series(1, 20100)",
            &[],
        )
        .await;
    world.sql("analyze", &[]).await;
    let body = json!({"name": "maria example", "role": "NURSE"});
    let answer = admin.post(PATH, body).await.expect(200);
    assert_eq!(answer.ids(), [nora.user]);
    let body = json!({"name": "maria example", "role": "FRONT_DESK"});
    let answer = admin.post(PATH, body).await.expect(200);
    assert_eq!(answer.ids(), [] as [Uuid; 0]);
}

#[tokio::test]
async fn nobody_else_searches_accounts() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).denied("forbidden");
        let answer = caller.post(PATH, json!({"name": "Ada"}));
        world.refused(answer, 403, denied).await;
    }
}

#[tokio::test]
async fn criteria_are_required_and_must_be_valid() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (body, field) in [
        (json!({}), ""),
        (json!({"role": "NURSE"}), ""),
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(202)}), "name"),
        (json!({"username": "ada"}), "username"),
        (json!({"name": "x", "limit": 0}), "limit"),
        (json!({"name": "x", "cursor": "x"}), "cursor"),
        (json!({"email": "ada@example.org"}), "email"),
    ] {
        let expected = row().by(&admin);
        world.invalid(admin.post(PATH, body), field, expected).await;
    }
}
