//! `POST /v1/providers/{id}/verify`

use http::Method;
use http::header::IF_MATCH;
use tests::answer::Answer;
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("verify-provider", "UPDATE", "PROVIDER")
}

fn path(id: Uuid) -> String {
    format!("/v1/providers/{id}/verify")
}

/// Sends the decision about the licence in this version of the provider.
async fn say(caller: &Actor, id: Uuid, version: &str, body: Value) -> Answer {
    let request = caller
        .request(Method::POST, &path(id))
        .header("content-type", "application/json")
        .header(IF_MATCH, version)
        .body(body.to_string().into());
    caller.send_request(request.unwrap()).await
}

async fn unverified(world: &World) -> Provider {
    let vera = world.provider("Vera").await;
    world
        .sql("update providers set is_verified = false", &[])
        .await;
    vera
}

#[tokio::test]
async fn an_administrator_verifies_and_author_and_time_are_stored() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, unverified(&world).await);
    let answer = say(&admin, vera.id, "*", json!({})).await.expect(200);
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
    let expected = row().by(&admin).resource(vera.id);
    world
        .audited(&answer, expected.detail("is_verified", true))
        .await;
}

#[tokio::test]
async fn a_withdrawal_stops_bookings_at_once_and_keeps_booked_visits() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let ada = world.patient("Ada").await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let answer = say(&admin, vera.id, "*", withdrawal()).await.expect(200);
    assert_eq!(answer.body["is_verified"], false);
    assert_eq!(answer.body["verified_at"], Value::Null);
    assert_eq!(answer.body["withdrawal_reason"], "Lapsed in May");
    let expected = row().by(&admin).resource(vera.id);
    world
        .audited(&answer, expected.detail("is_verified", false))
        .await;

    // Only the provider and callers who verify see the reason.
    let provider = format!("/v1/providers/{}", vera.id);
    for (caller, reason) in [
        (&*vera, json!("Lapsed in May")),
        (&admin, json!("Lapsed in May")),
        (&*ada, Value::Null),
    ] {
        let seen = caller.get(&provider).await.expect(200);
        assert_eq!(seen.body["withdrawal_reason"], reason, "{}", caller.email);
        assert_eq!(seen.body["is_verified"], false);
    }

    let booking = json!({
        "patient_id": ada.id, "provider_id": vera.id,
        "scheduled_at": "2030-01-08T09:00:00Z", "duration_minutes": 30
    });
    let free = format!(
        "{provider}/availability?from=2030-01-08T00:00:00Z&to=2030-01-09T00:00:00Z&duration_minutes=60"
    );
    let visit = format!("/v1/appointments/{id}");
    let moved = json!({"scheduled_at": "2030-01-09T09:00:00Z", "reason": "Another day"});
    ada.post("/v1/appointments", booking.clone())
        .await
        .problem(409, "conflict");
    ada.patch(&visit, 1, moved.clone())
        .await
        .problem(409, "conflict");
    assert_eq!(ada.get(&free).await.expect(200).body["slots"], json!([]));
    let standing = ada.get(&visit).await.expect(200);
    assert_eq!(standing.body["status"], "SCHEDULED");

    let again = say(&admin, vera.id, "*", json!({})).await.expect(200);
    assert_eq!(again.body["withdrawal_reason"], Value::Null);
    ada.patch(&visit, 1, moved).await.expect(200);
    ada.post("/v1/appointments", booking).await.expect(201);
}

fn withdrawal() -> Value {
    json!({"is_verified": false, "reason": "Lapsed in May"})
}

#[tokio::test]
async fn a_new_licence_removes_the_reason_of_the_withdrawal() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let provider = say(&admin, vera.id, "*", withdrawal()).await.expect(200);
    let version = provider.body["version"].as_i64().unwrap();
    let renewed = json!({"license_number": "LIC-9"});
    let answer = admin
        .patch(&format!("/v1/providers/{}", vera.id), version, renewed)
        .await
        .expect(200);
    assert_eq!(answer.body["is_verified"], false);
    assert_eq!(answer.body["withdrawal_reason"], Value::Null);
}

#[tokio::test]
async fn only_a_withdrawal_needs_a_reason() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    for body in [
        json!({"is_verified": false}),
        json!({"is_verified": false, "reason": " "}),
        json!({"is_verified": false, "reason": "x".repeat(501)}),
        json!({"is_verified": true, "reason": "Seen"}),
        json!({"reason": "Seen"}),
    ] {
        world
            .invalid(say(&admin, vera.id, "*", body), "reason", row().by(&admin))
            .await;
    }
}

#[tokio::test]
async fn a_request_repeated_under_its_key_takes_effect_once() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, unverified(&world).await);
    let send = async || {
        let request = admin
            .request(http::Method::POST, &path(vera.id))
            .header("content-type", "application/json")
            .header("idempotency-key", "verify-vera")
            .header(IF_MATCH, "\"2\"")
            .body("{}".into());
        admin.send_request(request.unwrap()).await.expect(200)
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn repeating_the_current_state_is_a_conflict() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    for (is_verified, body) in [(true, json!({})), (false, withdrawal())] {
        let failed = row().by(&admin).resource(vera.id);
        let failed = failed.failed("conflict").detail("is_verified", is_verified);
        world
            .refused(say(&admin, vera.id, "*", body), 409, failed)
            .await;
        world
            .sql("update providers set is_verified = false", &[])
            .await;
    }
}

#[tokio::test]
async fn a_licence_that_changed_since_it_was_read_is_not_verified() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, unverified(&world).await);
    let provider = format!("/v1/providers/{}", vera.id);
    let seen = admin.get(&provider).await.expect(200);
    admin
        .patch(
            &provider,
            seen.body["version"].as_i64().unwrap(),
            json!({"license_number": "LIC-9"}),
        )
        .await
        .expect(200);
    let failed = row().by(&admin).resource(vera.id);
    world
        .refused(
            say(&admin, vera.id, seen.header("etag"), json!({})),
            412,
            failed
                .failed("precondition-failed")
                .detail("is_verified", true),
        )
        .await;
    let now = admin.get(&provider).await.expect(200);
    let answer = say(&admin, vera.id, now.header("etag"), json!({}))
        .await
        .expect(200);
    assert_eq!(answer.body["is_verified"], true);
}

#[tokio::test]
async fn nobody_verifies_themselves() {
    let world = World::new().await;
    let vera = unverified(&world).await;
    for (is_verified, body) in [(true, json!({})), (false, withdrawal())] {
        let denied = row().by(&vera).resource(vera.id);
        let denied = denied
            .denied("forbidden")
            .detail("is_verified", is_verified);
        world
            .refused(say(&vera, vera.id, "*", body), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn an_absent_provider_is_not_found() {
    let world = World::new().await;
    let admin = world.admin().await;
    let nobody = Uuid::now_v7();
    let failed = row().by(&admin).resource(nobody);
    let failed = failed.failed("not-found").detail("is_verified", true);
    world
        .refused(say(&admin, nobody, "*", json!({})), 404, failed)
        .await;
}
