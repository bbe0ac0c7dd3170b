//! `POST /v1/legal-holds`

use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/legal-holds";

fn row() -> Expected {
    audit("place-legal-hold", "CREATE", "LEGAL_HOLD")
}

#[tokio::test]
async fn an_administrator_places_a_hold_on_a_patient_and_the_row_names_the_patient() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let body = json!({"patient_id": ada.id, "resource_type": "FILE", "reason": "Case 7"});
    let answer = admin.post(PATH, body).await.expect(200);
    let id = answer.id();
    let placed_at = answer.body["placed_at"].clone();
    assert_eq!(
        answer.body,
        json!({
            "id": id, "patient_id": ada.id, "resource_type": "FILE", "reason": "Case 7",
            "placed_by": admin.user, "placed_at": placed_at,
            "released_by": null, "released_at": null, "release_reason": null
        })
    );
    world
        .audited(&answer, row().by(&admin).resource(id).patient(ada.id))
        .await;
    let stored = world
        .row(
            "select patient_id, account_id, resource_type, reason, placed_by from legal_holds",
            &[],
        )
        .await;
    assert_eq!(
        stored,
        json!({
            "patient_id": ada.id, "account_id": ada.user, "resource_type": "FILE",
            "reason": "Case 7", "placed_by": admin.user
        })
    );
}

#[tokio::test]
async fn a_hold_on_everything_names_no_patient() {
    let world = World::new().await;
    let admin = world.admin().await;
    let answer = admin
        .post(PATH, json!({"reason": "Investigation"}))
        .await
        .expect(200);
    assert_eq!(answer.body["patient_id"], Value::Null);
    assert_eq!(answer.body["resource_type"], Value::Null);
    world
        .audited(&answer, row().by(&admin).resource(answer.id()))
        .await;
}

#[tokio::test]
async fn a_hold_without_a_reason_or_on_nobody_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    admin.post(PATH, json!({})).await.invalid("reason");
    admin
        .post(PATH, json!({"reason": " "}))
        .await
        .invalid("reason");
    admin
        .post(PATH, json!({"reason": "x", "resource_type": "ROLE"}))
        .await
        .invalid("resource_type");
    let answer = admin
        .post(PATH, json!({"reason": "x", "patient_id": admin.user}))
        .await
        .invalid("patient_id");
    world
        .audited(&answer, row().by(&admin).attempted().failed("invalid"))
        .await;
    assert!(world.rows("select from legal_holds", &[]).await.is_empty());
}

#[tokio::test]
async fn nobody_but_an_administrator_places_or_sees_a_hold() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let admin = world.admin().await;
    let body = json!({"patient_id": ada.id, "reason": "Case 7"});
    admin.post(PATH, body.clone()).await.expect(200);
    let nora = world.user("NURSE", "Nora").await;
    let officer = world.officer().await;
    for caller in [&*ada, &*vera, &nora, &officer] {
        let answer = caller
            .post(PATH, body.clone())
            .await
            .problem(403, "forbidden");
        world
            .audited(&answer, row().by(caller).attempted().denied("forbidden"))
            .await;
        caller.get(PATH).await.problem(403, "forbidden");
        // What the patient and their care team read doesn't show the hold.
        if caller.user == ada.user || caller.user == vera.user {
            let chart = caller
                .get(&format!("/v1/patients/{}", ada.id))
                .await
                .expect(200);
            assert!(!chart.text.contains("Case 7") && !chart.text.contains("hold"));
        }
    }
}

#[tokio::test]
async fn a_repeated_request_places_one_hold() {
    let world = World::new().await;
    let admin = world.admin().await;
    let send = || {
        let request = admin
            .request(http::Method::POST, PATH)
            .header("content-type", "application/json")
            .header("idempotency-key", "one")
            .body(http_body_util::Full::from(
                json!({"reason": "x"}).to_string(),
            ))
            .unwrap();
        admin.send_request(request)
    };
    let first = send().await.expect(200);
    let second = send().await.expect(200);
    assert_eq!(first.id(), second.id());
    assert_eq!(world.rows("select from legal_holds", &[]).await.len(), 1);
}
