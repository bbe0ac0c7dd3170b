//! `GET /health`

use tests::prelude::*;

#[tokio::test]
async fn anyone_learns_that_the_database_is_reachable_and_nothing_is_recorded() {
    let world = World::new().await;
    let answer = world.anybody().get("/health").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body, json!({"status": "ok"}));
    assert!(!answer.request_id().is_empty());
    assert!(world.audit_log().await.is_empty());
}

#[tokio::test]
async fn without_the_database_the_answer_is_503() {
    let nobody_listens = "postgres://caretrail_people:secret@127.0.0.1:1/caretrail";
    let world = World::with(Setup {
        database_url: Some(nobody_listens.to_owned()),
        ..Setup::default()
    })
    .await;
    let answer = world
        .anybody()
        .get("/health")
        .await
        .problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(!answer.text.contains("127.0.0.1"));
}
