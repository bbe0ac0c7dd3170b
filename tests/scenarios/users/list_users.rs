//! `GET /v1/users`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-users", "SEARCH", "USER")
}

#[tokio::test]
async fn an_administrator_pages_through_the_accounts() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut all = vec![(admin.user, None)];
    for name in ["Ada", "Ben", "Cleo"] {
        let patient = world.patient(name).await;
        all.push((patient.user, Some(patient.id)));
    }
    all.sort_unstable();
    let (all, patients): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let first = admin.get("/v1/users?limit=3").await.expect(200);
    assert_eq!(first.ids(), all[..3]);
    // The row names the patients whose accounts were shown.
    let shown = patients[..3].iter().flatten();
    let expected = shown.fold(row().by(&admin), |row, id| row.patient(*id));
    world.audited(&first, expected).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = admin
        .get(&format!("/v1/users?limit=3&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(rest.ids(), all[3..]);
    assert_eq!(rest.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn filters_select_and_archived_accounts_are_shown_on_request() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    admin
        .patch(
            &format!("/v1/users/{}", vera.user),
            1,
            json!({"status": "SUSPENDED"}),
        )
        .await
        .expect(200);
    admin
        .delete(&format!("/v1/users/{}", ada.user), 1)
        .await
        .expect(200);
    for (query, expected) in [
        ("role=PROVIDER", vec![vera.user]),
        ("status=SUSPENDED", vec![vera.user]),
        ("role=PROVIDER&status=ACTIVE", vec![]),
        ("role=PATIENT", vec![]),
        ("role=PATIENT&include_archived=true", vec![ada.user]),
        ("role=WIZARD", vec![]),
    ] {
        let answer = admin.get(&format!("/v1/users?{query}")).await.expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
        let row = match expected.contains(&ada.user) {
            true => row().patient(ada.id),
            false => row(),
        };
        world.audited(&answer, row.by(&admin)).await;
    }
}

#[tokio::test]
async fn nobody_else_lists_accounts() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).denied("forbidden");
        world.refused(caller.get("/v1/users"), 403, denied).await;
    }
}

#[tokio::test]
async fn names_and_addresses_are_refused_in_the_query() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (query, field) in [
        ("username=ada@example.org", "username"),
        ("last_name=Example", "last_name"),
        ("status=GONE", "status"),
        ("include_archived=perhaps", "include_archived"),
    ] {
        let expected = row().by(&admin);
        world
            .invalid(admin.get(&format!("/v1/users?{query}")), field, expected)
            .await;
    }
}
