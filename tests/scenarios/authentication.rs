//! Authentication through complete functions. The crate `identity` tests all variants of tokens.

use std::collections::BTreeMap;

use http::Method;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local_cloud::issuer::{Key, TokenRequest};
use tests::audit::Expected;
use tests::prelude::*;

const MALFORMED: Option<&str> = Some("The access token is malformed.");
const SIGNATURE: Option<&str> = Some("The signature of the access token is wrong.");
const EXPIRED: Option<&str> = Some("The access token has expired.");
const NOT_YET: Option<&str> = Some("The access token is not valid yet.");
const NOT_HERE: Option<&str> = Some("The access token is not made for a user of this API.");

fn row() -> Expected {
    audit("get-me", "READ", "USER")
}

/// Asserts that the answer is 401, that nothing was recorded in the database, and that the log
/// contains the refusal.
///
/// `fault` is what the caller reads of the token, or none if they sent no token (RFC 6750, 3).
async fn refused(world: &World, answer: Answer, fault: Option<&str>) {
    let answer = answer.problem(401, "not-authenticated");
    let mut challenge = r#"Bearer realm="caretrail""#.to_owned();
    if let Some(fault) = fault {
        challenge += &format!(r#", error="invalid_token", error_description="{fault}""#);
        assert_eq!(answer.body["detail"], fault);
    }
    assert_eq!(answer.header("www-authenticate"), challenge);
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
    assert_eq!(line["source_ip"], "127.0.0.1");
    let kind = match fault {
        None => "missing",
        Some(_) if fault == MALFORMED => "malformed",
        Some(_) if fault == SIGNATURE => "wrong-signature",
        Some(_) if fault == EXPIRED => "expired",
        Some(_) if fault == NOT_YET => "not-yet-valid",
        Some(_) => "not-for-users",
    };
    assert_eq!(line["kind"], kind);
}

#[tokio::test]
async fn a_request_without_a_token_is_refused() {
    let world = World::new().await;
    refused(&world, world.anybody().get("/v1/me").await, None).await;
    let ada = world.patient("Ada").await;
    let token = world.token(&TokenRequest::new(ada.subject, &ada.email));
    for (header, fault) in [
        (format!("Basic {token}"), None),
        (token.clone(), None),
        ("Bearer".to_owned(), None),
        (format!("Bearer {token}x"), SIGNATURE),
        (format!("Bearer {token}, Bearer {token}"), MALFORMED),
        ("Bearer zebrafish".to_owned(), MALFORMED),
        ("Bearer eyJhbGciOiJub25lIn0.e30.".to_owned(), MALFORMED),
    ] {
        let request = world
            .anybody()
            .request(Method::GET, "/v1/me")
            .header(AUTHORIZATION, header)
            .body(Full::default())
            .unwrap();
        refused(&world, ada.send_request(request).await, fault).await;
    }
    // A token in the query or in a cookie doesn't count.
    let answer = world
        .anybody()
        .get(&format!("/v1/me?access_token={token}"))
        .await;
    refused(&world, answer, None).await;
}

#[tokio::test]
async fn a_token_with_invalid_claims_is_refused() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get("/v1/me").await.expect(200);
    for (claim, value, fault) in [
        ("exp", json!(1_700_000_000), EXPIRED),
        ("iat", json!(4_000_000_000_u32), NOT_YET),
        ("aud", json!("anon"), NOT_HERE),
        ("aud", Value::Null, NOT_HERE),
        (
            "iss",
            json!("https://elsewhere.example.org/auth/v1"),
            NOT_HERE,
        ),
        ("role", json!("service_role"), NOT_HERE),
        ("is_anonymous", json!(true), NOT_HERE),
        ("sub", json!("ada"), NOT_HERE),
        ("sub", Value::Null, NOT_HERE),
        ("session_id", Value::Null, NOT_HERE),
    ] {
        let changed = world.as_changed(&ada, |request| {
            request.overrides.insert(claim.to_owned(), value.clone());
        });
        refused(&world, changed.get("/v1/me").await, fault).await;
    }
    let expired = world.as_changed(&ada, |request| request.expires_in = -1);
    refused(&world, expired.get("/v1/me").await, EXPIRED).await;
}

#[tokio::test]
async fn a_token_with_a_foreign_signature_is_refused() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let issuer = world.cloud.issuer();
    let claims = issuer.claims(&TokenRequest::new(ada.subject, &ada.email));
    let (ours, theirs) = (issuer.current_key(), Key::generate().unwrap());
    // The foreign key is used under its own name and under that of a trusted key.
    for kid in [&theirs.kid, &ours.kid] {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.clone());
        let token = issuer.sign(&header, &claims, &theirs).unwrap();
        let answer = ada.with_token(Some(token)).get("/v1/me").await;
        refused(&world, answer, SIGNATURE).await;
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
async fn a_deployment_may_disable_the_second_factor() {
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
async fn keys_can_rotate_and_are_fetched_once_for_many_requests() {
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
    refused(&world, by_old_key.get("/v1/me").await, SIGNATURE).await;
    by_new_key.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn without_the_issuer_at_start_requests_get_503_until_it_returns() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world.cloud.issuer().set_offline(true);
    let answer = ada.get("/v1/me").await.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(world.audit_of(&answer).await.is_empty());
    // A request without a token needs no keys, so it is still refused with 401.
    refused(&world, world.anybody().get("/v1/me").await, None).await;

    world.cloud.issuer().set_offline(false);
    eventually("the keys are fetched again", async || {
        ada.get("/v1/me").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn fetched_keys_remain_valid_during_an_outage() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get("/v1/me").await.expect(200);
    world.cloud.issuer().set_offline(true);
    ada.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_legacy_token_is_accepted_only_if_the_deployment_allows_it() {
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
            .claims(&TokenRequest::new(ada.subject, &ada.email));
        let signed = |secret: &str| {
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key);
            ada.with_token(Some(token.unwrap()))
        };
        let other = signed("another-secret-of-at-least-32-bytes!");
        let fault = if configured { SIGNATURE } else { MALFORMED };
        refused(&world, other.get("/v1/me").await, fault).await;
        if configured {
            signed(secret).get("/v1/me").await.expect(200);
            ada.get("/v1/me").await.expect(200);
        } else {
            refused(&world, signed(secret).get("/v1/me").await, MALFORMED).await;
        }
    }
}
