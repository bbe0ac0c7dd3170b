//! `POST /v1/exports/{id}/request-review`

use tests::prelude::*;

use super::exports::{export_path, requested_by, step_of};

#[tokio::test]
async fn a_patient_asks_once_for_the_review_of_a_reviewable_denial() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = requested_by(&ada, &ada).await;
    let path = export_path(id, "/request-review");
    ada.post_nothing(&path).await.problem(409, "conflict");
    let denial = json!({"ground": "HARMS_ANOTHER_PERSON", "basis": "It names a witness."});
    vera.post(&export_path(id, "/deny"), denial)
        .await
        .expect(200);

    let asked = ada.post_nothing(&path).await.expect(200);
    assert!(asked.body["review_requested_at"].is_string());
    let row = step_of("request-export-review", &ada, id, &ada);
    world.audited(&asked, row).await;
    ada.post_nothing(&path).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_denial_on_another_ground_is_not_reviewed() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = requested_by(&ada, &ada).await;
    let denial = json!({"ground": "RESEARCH", "basis": "You agreed to wait."});
    vera.post(&export_path(id, "/deny"), denial)
        .await
        .expect(200);
    let asked = ada.post_nothing(&export_path(id, "/request-review")).await;
    asked.problem(409, "conflict");
}
