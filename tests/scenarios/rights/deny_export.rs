//! `POST /v1/exports/{id}/deny`

use tests::prelude::*;

use super::exports::{build, export_path, requested_by, step_of};

#[tokio::test]
async fn a_provider_denies_a_request_once_with_its_basis() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = requested_by(&ada, &ada).await;
    let denial = json!({"ground": "ENDANGERS_LIFE", "basis": "It would put you in danger."});
    ada.post(&export_path(id, "/deny"), denial.clone())
        .await
        .problem(403, "forbidden");

    let denied = vera
        .post(&export_path(id, "/deny"), denial.clone())
        .await
        .expect(200);
    assert_eq!(denied.body["status"], "DENIED");
    assert_eq!(denied.body["is_reviewable"], true);
    let row = step_of("deny-export", &vera, id, &ada);
    world
        .audited(&denied, row.detail("ground", "ENDANGERS_LIFE"))
        .await;

    vera.post(&export_path(id, "/deny"), denial)
        .await
        .problem(409, "conflict");
    // No package is built.
    build(&world).await.unwrap();
    let after = ada.get(&export_path(id, "")).await.expect(200);
    assert_eq!(after.body["status"], "DENIED");
    assert_eq!(after.body["denial_basis"], "It would put you in danger.");
}

#[tokio::test]
async fn only_entries_of_the_patient_are_left_out() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let others = world.note(&ben, &vera, "Well.").await;
    let id = requested_by(&ada, &ada).await;
    for records in [json!([others]), json!([Uuid::now_v7()]), json!([])] {
        let denial = json!({"ground": "RESEARCH", "basis": "It goes on.", "record_ids": records});
        vera.post(&export_path(id, "/deny"), denial)
            .await
            .invalid("record_ids");
    }
}
