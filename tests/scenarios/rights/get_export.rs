//! `GET /v1/exports/{id}`

use tests::prelude::*;

use super::exports::{export_path, requested_by};

#[tokio::test]
async fn a_request_is_read_with_its_version_and_its_row() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = requested_by(&ada, &ada).await;
    let answer = ada.get(&export_path(id, "")).await.expect(200);
    assert_eq!(answer.header("etag"), "\"1\"");
    let row = audit("get-export", "READ", "EXPORT").by(&ada);
    world
        .audited(&answer, row.resource(id).patient(ada.id))
        .await;
}
