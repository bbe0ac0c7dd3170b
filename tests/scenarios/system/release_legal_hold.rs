//! `POST /v1/legal-holds/{id}/release`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("release-legal-hold", "UPDATE", "LEGAL_HOLD")
}

async fn placed(world: &World, admin: &Actor) -> (Patient, Uuid) {
    let ada = world.patient("Ada").await;
    let body = json!({"patient_id": ada.id, "reason": "Case 7"});
    let id = admin.post("/v1/legal-holds", body).await.expect(200).id();
    (ada, id)
}

fn path(id: Uuid) -> String {
    format!("/v1/legal-holds/{id}/release")
}

#[tokio::test]
async fn a_release_has_an_author_a_time_and_a_reason_and_happens_once() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, id) = placed(&world, &admin).await;
    let other = world.admin().await;
    let answer = other
        .post(&path(id), json!({"reason": "Case closed"}))
        .await
        .expect(200);
    assert_eq!(answer.body["placed_by"], json!(admin.user));
    assert_eq!(answer.body["released_by"], json!(other.user));
    assert_eq!(answer.body["release_reason"], "Case closed");
    assert!(answer.body["released_at"].is_string());
    world
        .audited(&answer, row().by(&other).resource(id).patient(ada.id))
        .await;

    let again = other
        .post(&path(id), json!({"reason": "Again"}))
        .await
        .problem(409, "conflict");
    world
        .audited(
            &again,
            row()
                .by(&other)
                .resource(id)
                .patient(ada.id)
                .failed("conflict"),
        )
        .await;
    let stored = world
        .row("select release_reason from legal_holds", &[])
        .await;
    assert_eq!(stored, json!({"release_reason": "Case closed"}));
}

#[tokio::test]
async fn a_release_without_reason_of_an_unknown_hold_or_by_others_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, id) = placed(&world, &admin).await;
    admin.post(&path(id), json!({})).await.invalid("reason");
    let unknown = Uuid::now_v7();
    let answer = admin
        .post(&path(unknown), json!({"reason": "x"}))
        .await
        .problem(404, "not-found");
    world
        .audited(
            &answer,
            row().by(&admin).resource(unknown).failed("not-found"),
        )
        .await;
    let answer = ada
        .post(&path(id), json!({"reason": "x"}))
        .await
        .problem(403, "forbidden");
    world
        .audited(
            &answer,
            row()
                .by(&ada)
                .resource(id)
                .patient(ada.id)
                .denied("forbidden"),
        )
        .await;
}

#[tokio::test]
async fn a_hold_is_never_changed_or_deleted_even_by_the_superuser() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (_, id) = placed(&world, &admin).await;
    let superuser = world.connect().await;
    for statement in [
        "delete from legal_holds",
        "update legal_holds set patient_id = null, release_reason = 'x'",
        "update legal_holds set reason = 'x'",
        "update legal_holds set released_at = now()",
    ] {
        let refused = superuser.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23001", "{statement}");
    }
    admin
        .post(&path(id), json!({"reason": "x"}))
        .await
        .expect(200);
    let revived = superuser
        .batch_execute("update legal_holds set released_at = null, release_reason = null")
        .await
        .unwrap_err();
    assert_eq!(revived.code().unwrap().code(), "23001");
}
