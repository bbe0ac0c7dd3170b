//! `POST /v1/providers/{id}/verify`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("verify-provider", "UPDATE", "PROVIDER")
}

fn path(id: Uuid) -> String {
    format!("/v1/providers/{id}/verify")
}

async fn unverified(world: &World) -> Provider {
    let vera = world.provider("Vera").await;
    world
        .sql("update providers set is_verified = false", &[])
        .await;
    vera
}

#[tokio::test]
async fn an_administrator_verifies_and_it_is_kept_who_and_when() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, unverified(&world).await);
    let answer = admin.post(&path(vera.id), json!({})).await.expect(200);
    assert_eq!(answer.body["is_verified"], true);
    assert_eq!(answer.body["verified_by"], json!(admin.user));
    let stored = world
        .row(
            "select is_verified, verified_by, verified_at > now() - interval '1 minute' as recent from providers",
            &[],
        )
        .await;
    assert_eq!(
        stored,
        json!({"is_verified": true, "verified_by": admin.user, "recent": true})
    );
    world
        .audited(&answer, row().by(&admin).resource(vera.id))
        .await;
}

#[tokio::test]
async fn sent_again_under_its_key_it_is_done_once() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, unverified(&world).await);
    let send = async || {
        let request = admin
            .request(http::Method::POST, &path(vera.id))
            .header("content-type", "application/json")
            .header("idempotency-key", "verify-vera")
            .body("{}".into());
        admin.send_request(request.unwrap()).await.expect(200)
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn what_is_verified_is_a_conflict() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let before = world.stored().await;
    let answer = admin
        .post(&path(vera.id), json!({}))
        .await
        .problem(409, "conflict");
    let failed = row().by(&admin).resource(vera.id);
    world.audited(&answer, failed.failed("conflict")).await;
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn nobody_verifies_herself() {
    let world = World::new().await;
    let vera = unverified(&world).await;
    let answer = vera
        .post(&path(vera.id), json!({}))
        .await
        .problem(403, "forbidden");
    let denied = row().by(&vera).resource(vera.id);
    world.audited(&answer, denied.denied("forbidden")).await;
}

#[tokio::test]
async fn an_absent_provider_is_not_found_and_a_field_of_its_own_is_named() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, unverified(&world).await);
    let nobody = Uuid::now_v7();
    let answer = admin
        .post(&path(nobody), json!({}))
        .await
        .problem(404, "not-found");
    let failed = row().by(&admin).resource(nobody);
    world.audited(&answer, failed.failed("not-found")).await;
    let answer = admin
        .post(&path(vera.id), json!({"by": "me"}))
        .await
        .invalid("by");
    world
        .audited(&answer, row().by(&admin).failed("invalid"))
        .await;
}
