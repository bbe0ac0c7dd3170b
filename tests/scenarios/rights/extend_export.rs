//! `POST /v1/exports/{id}/extend`

use tests::prelude::*;

use super::clinic_day;
use super::exports::{age_exports, build, export_path, requested_by, step_of};

#[tokio::test]
async fn the_time_is_extended_once_by_thirty_days_before_it_is_over() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let admin = world.admin().await;
    let id = requested_by(&ada, &ada).await;
    age_exports(&world, 30).await;
    let path = export_path(id, "/extend");
    let reason = json!({"reason": "The archive is closed."});
    ada.post(&path, reason.clone())
        .await
        .problem(403, "forbidden");

    let extended = admin.post(&path, reason.clone()).await.expect(200);
    assert_eq!(extended.body["due_on"], clinic_day(&world, 30).await);
    world
        .audited(&extended, step_of("extend-export", &admin, id, &ada))
        .await;
    let read = ada.get(&export_path(id, "")).await.expect(200);
    assert_eq!(read.body["extension_reason"], "The archive is closed.");
    admin
        .post(&path, json!({"reason": "Again."}))
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn after_its_time_or_its_answer_a_request_is_not_extended() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let admin = world.admin().await;
    let late = requested_by(&ada, &ada).await;
    age_exports(&world, 31).await;
    let reason = json!({"reason": "The archive is closed."});
    let read = ada.get(&export_path(late, "")).await.expect(200);
    assert_eq!(read.body["is_overdue"], true);
    admin
        .post(&export_path(late, "/extend"), reason.clone())
        .await
        .problem(409, "conflict");

    let answered = requested_by(&ben, &ben).await;
    build(&world).await.unwrap();
    admin
        .post(&export_path(answered, "/extend"), reason)
        .await
        .problem(409, "conflict");
}
