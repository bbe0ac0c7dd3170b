//! Who is let in, through a whole function; the matrix of tokens is in crate `identity`.

use std::collections::BTreeMap;

use http::Method;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local_cloud::issuer::{Key, TokenRequest};
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-me", "READ", "USER")
}

/// Sees that there was no answer but 401, nothing was recorded, and the log tells of it.
async fn refused(world: &World, answer: Answer) {
    let answer = answer.problem(401, "not-authenticated");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert!(world.audit_of(&answer).await.is_empty());
    let line = world
        .cloud
        .logs("get-me")
        .wait_until(
            |line| line.contains("caller not authenticated") && line.contains(answer.request_id()),
            PATIENCE,
        )
        .await
        .expect("a security event");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["target"], "security");
    assert!(!answer.text.contains(line["reason"].as_str().unwrap()));
}

#[tokio::test]
async fn without_a_token_nobody_is_let_in() {
    let world = World::new().await;
    refused(&world, world.anybody().get("/v1/me").await).await;
    let ada = world.patient("Ada").await;
    let token = world.token(&TokenRequest::new(ada.user, &ada.email));
    for header in [
        format!("Basic {token}"),
        token.clone(),
        "Bearer".to_owned(),
        format!("Bearer {token}x"),
        format!("Bearer {token}, Bearer {token}"),
        "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned(),
    ] {
        let request = world
            .anybody()
            .request(Method::GET, "/v1/me")
            .header(AUTHORIZATION, header)
            .body(Full::default())
            .unwrap();
        refused(&world, ada.send_request(request).await).await;
    }
    // Neither in the query nor in a cookie.
    let answer = world
        .anybody()
        .get(&format!("/v1/me?access_token={token}"))
        .await;
    refused(&world, answer).await;
}

#[tokio::test]
async fn a_token_that_says_what_it_must_not_is_refused() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get("/v1/me").await.expect(200);
    for (claim, value) in [
        ("exp", json!(1_700_000_000)),
        ("iat", json!(4_000_000_000_u32)),
        ("aud", json!("anon")),
        ("aud", Value::Null),
        ("iss", json!("https://elsewhere.example.org/auth/v1")),
        ("role", json!("service_role")),
        ("is_anonymous", json!(true)),
        ("sub", json!("ada")),
        ("sub", Value::Null),
        ("session_id", Value::Null),
    ] {
        let changed = world.as_changed(&ada, |request| {
            request.overrides.insert(claim.to_owned(), value.clone());
        });
        refused(&world, changed.get("/v1/me").await).await;
    }
    let expired = world.as_changed(&ada, |request| request.expires_in = -1);
    refused(&world, expired.get("/v1/me").await).await;
}

#[tokio::test]
async fn a_token_that_somebody_else_signed_is_refused() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let issuer = world.cloud.issuer();
    let claims = issuer.claims(&TokenRequest::new(ada.user, &ada.email));
    let (ours, theirs) = (issuer.current_key(), Key::generate().unwrap());
    // A foreign key under its own name, and under ours.
    for kid in [&theirs.kid, &ours.kid] {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.clone());
        let token = issuer.sign(&header, &claims, &theirs).unwrap();
        refused(&world, ada.with_token(Some(token)).get("/v1/me").await).await;
    }
}

#[tokio::test]
async fn all_roles_but_patients_need_a_second_factor() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let with_password_alone =
        |actor: &Actor| world.as_changed(actor, |request| request.aal = "aal1".into());
    for caller in [&*vera, &admin, &officer] {
        let answer = with_password_alone(caller)
            .get("/v1/me")
            .await
            .problem(403, "forbidden");
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1);
        let patient = Expected::of(&rows[0]);
        assert_eq!(
            patient,
            row().by(caller).resource(caller.user).denied("forbidden")
        );
        caller.get("/v1/me").await.expect(200);
    }
    with_password_alone(&ada).get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_deployment_may_do_without_the_second_factor() {
    let world = World::with(Setup {
        environment: BTreeMap::from([("REQUIRE_AAL2".to_owned(), "false".to_owned())]),
        ..Setup::default()
    })
    .await;
    let vera = world.provider("Vera").await;
    let changed = world.as_changed(&vera, |request| request.aal = "aal1".into());
    let answer = changed.get("/v1/me").await.expect(200);
    world
        .audited(&answer, row().by(&vera).resource(vera.user))
        .await;
}

#[tokio::test]
async fn keys_may_rotate_and_are_fetched_once_for_many_requests() {
    let world = World::new().await;
    let issuer = world.cloud.issuer();
    let by_old_key = world.patient("Ada").await;
    issuer.rotate().unwrap();
    let by_new_key = world.patient("Ben").await;
    for _ in 0..3 {
        by_old_key.get("/v1/me").await.expect(200);
        by_new_key.get("/v1/me").await.expect(200);
    }
    assert_eq!(issuer.fetches(), 1);

    issuer.forget_old_keys().unwrap();
    world.restart("get-me").await;
    refused(&world, by_old_key.get("/v1/me").await).await;
    by_new_key.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn while_the_issuer_is_down_from_the_start_nobody_can_be_told_and_then_all_is_well() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world.cloud.issuer().set_offline(true);
    let answer = ada.get("/v1/me").await.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(world.audit_of(&answer).await.is_empty());
    // Without a token it is no question.
    refused(&world, world.anybody().get("/v1/me").await).await;

    world.cloud.issuer().set_offline(false);
    eventually("the keys are fetched again", async || {
        ada.get("/v1/me").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn keys_that_were_fetched_outlast_an_outage() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get("/v1/me").await.expect(200);
    world.cloud.issuer().set_offline(true);
    ada.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_token_by_the_legacy_secret_counts_only_where_the_deployment_says_so() {
    let secret = "a-legacy-secret-of-at-least-32-bytes";
    for configured in [false, true] {
        let mut setup = Setup::default();
        if configured {
            setup
                .environment
                .insert("SUPABASE_JWT_SECRET".to_owned(), secret.to_owned());
        }
        let world = World::with(setup).await;
        let ada = world.patient("Ada").await;
        let claims = world
            .cloud
            .issuer()
            .claims(&TokenRequest::new(ada.user, &ada.email));
        let signed = |secret: &str| {
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key);
            ada.with_token(Some(token.unwrap()))
        };
        let other = signed("another-secret-of-at-least-32-bytes!");
        refused(&world, other.get("/v1/me").await).await;
        if configured {
            signed(secret).get("/v1/me").await.expect(200);
            ada.get("/v1/me").await.expect(200);
        } else {
            refused(&world, signed(secret).get("/v1/me").await).await;
        }
    }
}
