//! `GET /asyncapi.json`

use tests::prelude::*;

#[tokio::test]
async fn anyone_reads_the_committed_document_and_nothing_is_recorded() {
    let world = World::new().await;
    let answer = world.anybody().get("/asyncapi.json").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text, include_str!("../../../asyncapi.json"));
    assert!(!answer.request_id().is_empty());
    assert!(world.audit_log().await.is_empty());
}
