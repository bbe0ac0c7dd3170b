//! `GET /v1/providers`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-providers", "SEARCH", "PROVIDER")
}

#[tokio::test]
async fn the_directory_is_read_in_pages() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let mut expected = Vec::new();
    for name in ["Xenia", "Étienne", "Walt", "eva", "Émile"] {
        expected.push((name, world.provider(name).await.id));
    }
    // The family name of all is the same. Accents and case don't change the order.
    let expected = [4, 1, 3, 2, 0].map(|place| expected[place].1);
    let mut path = "/v1/providers?limit=2".to_owned();
    for page in expected.chunks(2) {
        let answer = ada.get(&path).await.expect(200);
        assert_eq!(answer.ids(), page);
        world.audited(&answer, row().by(&ada)).await;
        let cursor = answer.body["next_cursor"].as_str().unwrap_or_default();
        path = format!("/v1/providers?limit=2&cursor={cursor}");
    }
    assert!(path.ends_with("cursor="));
}

#[tokio::test]
async fn words_of_a_name_filter_the_directory() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (vera, bea) = (world.provider("Vera").await, world.provider("Béa").await);
    let renamed = "update user_profiles set last_name = 'O’Neill-Vey' where id = $1";
    world.sql(renamed, &[&bea.user]).await;
    for (name, expected) in [
        ("ve", vec![vera.id, bea.id]),
        ("bea%20oneill", vec![bea.id]),
        ("O'Neill", vec![bea.id]),
        ("vera%20oneill", vec![]),
        ("example", vec![vera.id]),
        ("Ada", vec![]),
        ("-", vec![]),
    ] {
        let answer = ada.get(&format!("/v1/providers?name={name}")).await;
        assert_eq!(answer.expect(200).ids(), expected, "{name}");
    }
}

#[tokio::test]
async fn specialty_and_verification_filter_the_directory() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world
        .sql(
            "update providers set is_verified = false, specialties = '{oncology,cardiology}' where id = $1",
            &[&walt.id],
        )
        .await;
    for (query, expected) in [
        ("specialty=cardiology", vec![vera.id, walt.id]),
        ("specialty=oncology", vec![walt.id]),
        ("specialty=onco", vec![]),
        ("is_verified=true", vec![vera.id]),
        ("is_verified=false&specialty=cardiology", vec![walt.id]),
    ] {
        let answer = ada.get(&format!("/v1/providers?{query}")).await.expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
    }
}

#[tokio::test]
async fn archived_providers_are_shown_to_an_administrator_on_request() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let vera = world.provider("Vera").await;
    world
        .sql(
            "update providers set is_archived = true, archived_at = now()",
            &[],
        )
        .await;
    for (caller, query, expected) in [
        (&*ada, "", vec![]),
        (&*ada, "?include_archived=true", vec![]),
        (&admin, "", vec![]),
        (&admin, "?include_archived=true", vec![vera.id]),
    ] {
        let answer = caller
            .get(&format!("/v1/providers{query}"))
            .await
            .expect(200);
        assert_eq!(answer.ids(), expected, "{} {query}", caller.email);
    }
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let officer = world.officer().await;
    let denied = row().by(&officer).denied("forbidden");
    world
        .refused(officer.get("/v1/providers"), 403, denied)
        .await;
}

#[tokio::test]
async fn a_filter_out_of_bounds_is_named() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for (query, field) in [
        ("is_verified=maybe", "is_verified"),
        ("specialty=", "specialty"),
        ("name=", "name"),
        ("last_name=Vera", "last_name"),
    ] {
        let expected = row().by(&ada);
        world
            .invalid(ada.get(&format!("/v1/providers?{query}")), field, expected)
            .await;
    }
}
