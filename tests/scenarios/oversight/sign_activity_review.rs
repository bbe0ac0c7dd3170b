//! `POST /v1/activity-reviews/{id}/sign`

use std::collections::BTreeMap;

use tests::audit::Expected;
use tests::prelude::*;
use tests::world::Setup;

use super::{review_path, sign_path};

fn row(caller: &Actor, id: Uuid) -> Expected {
    audit("sign-activity-review", "UPDATE", "ACTIVITY_REVIEW")
        .by(caller)
        .resource(id)
}

#[tokio::test]
async fn an_officer_signs_a_review_once_and_its_document_is_kept() {
    let world = World::new().await;
    let officer = world.officer().await;
    world.set_clinic_contact().await;
    let id = world.activity_review().await;
    let body = json!({
        "conclusion": "Two accesses were <not> justified.\nBoth persons were instructed.",
        "verification": {
            "tree_size": 4711, "integrity": "INTACT", "authenticity": "INTACT", "completeness": "INTACT",
            "freshness": "UNKNOWN"
        }
    });
    let answer = officer.post(&sign_path(id), body.clone()).await.expect(200);
    assert_eq!(answer.body["signed_by"], json!(officer.user));
    assert_eq!(answer.body["verification"], body["verification"]);
    let hash = answer.body["html_sha256"].as_str().unwrap();
    let signed = row(&officer, id).detail("html_sha256", hash);
    world.audited(&answer, signed).await;
    let html = answer.body["html"].as_str().unwrap();
    for text in [
        "Sample Clinic",
        "2026-01-01 to 2026-01-31 (UTC)",
        "Two accesses were &#60;not&#62; justified.</p>",
        "<p>Both persons were instructed.</p>",
        "<th scope=\"row\">Freshness</th><td class=\"number\">unknown</td>",
        "4711",
        "COMPLIANCE_OFFICER",
        &id.to_string(),
        answer.body["signed_at"].as_str().unwrap(),
    ] {
        assert!(html.contains(text), "{text} is missing in {html}");
    }
    let again = officer.get(&review_path(id)).await.expect(200);
    assert_eq!(again.body["html"], answer.body["html"]);
    let of_document = "select encode(sha256(convert_to(document, 'UTF8')), 'hex') as hash, version from activity_reviews";
    assert_eq!(
        world.row(of_document, &[]).await,
        json!({"hash": hash, "version": 2})
    );

    let failed = row(&officer, id).failed("conflict");
    world
        .refused(officer.post(&sign_path(id), body), 409, failed)
        .await;
}

#[tokio::test]
async fn without_a_verification_the_document_says_so() {
    let world = World::new().await;
    let officer = world.officer().await;
    let id = world.activity_review().await;
    let body = json!({"conclusion": "Nothing to object to."});
    let answer = officer.post(&sign_path(id), body).await.expect(200);
    let html = answer.body["html"].as_str().unwrap();
    assert!(html.contains("The audit log was not verified for this review."));
    assert_eq!(answer.body["verification"], Value::Null);
}

#[tokio::test]
async fn a_signature_needs_a_second_factor_where_the_deployment_requires_none() {
    let world = World::with(Setup {
        environment: BTreeMap::from([("REQUIRE_AAL2".to_owned(), "false".to_owned())]),
        ..Setup::default()
    })
    .await;
    let officer = world.officer().await;
    let id = world.activity_review().await;
    let weak = world.as_changed(&officer, |token| "aal1".clone_into(&mut token.aal));
    weak.get(&review_path(id)).await.expect(200);
    let body = json!({"conclusion": "Nothing to object to."});
    let denied = row(&officer, id).so_far().denied("forbidden");
    let answer = world
        .refused(weak.post(&sign_path(id), body.clone()), 403, denied)
        .await;
    assert_eq!(
        answer.body["detail"],
        "The caller's role requires a second factor. Sign in with one (assurance level aal2)."
    );
    officer.post(&sign_path(id), body).await.expect(200);
}

#[tokio::test]
async fn a_signed_review_never_changes_and_no_review_is_deleted() {
    let world = World::new().await;
    let officer = world.officer().await;
    let id = world.activity_review().await;
    super::signed(&officer, id).await;
    let before = world.stored().await;
    let owner = world.connect().await;
    for (statement, code) in [
        (
            "update activity_reviews set conclusion = 'Another one'",
            "23514",
        ),
        ("update activity_reviews set figures = '{}'", "23514"),
        ("delete from activity_reviews", "23001"),
        ("truncate activity_reviews", "23001"),
    ] {
        let error = owner.batch_execute(statement).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), code, "{statement}");
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_conclusion_is_required_and_other_roles_are_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let id = world.activity_review().await;
    for (body, field) in [
        (json!({}), "conclusion"),
        (json!({"conclusion": ""}), "conclusion"),
        (
            json!({"conclusion": "Fine", "verification": {"tree_size": 1}}),
            "verification.integrity",
        ),
    ] {
        let failed = row(&officer, id).so_far();
        world
            .invalid(officer.post(&sign_path(id), body), field, failed)
            .await;
    }
    let body = json!({"conclusion": "Fine"});
    for caller in [&*ada, &*vera, &admin] {
        let denied = row(caller, id).denied("forbidden");
        world
            .refused(caller.post(&sign_path(id), body.clone()), 403, denied)
            .await;
    }
    let absent = Uuid::now_v7();
    let failed = row(&officer, absent).failed("not-found");
    world
        .refused(officer.post(&sign_path(absent), body), 404, failed)
        .await;
}
