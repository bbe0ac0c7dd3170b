//! `GET /docs`

use tests::prelude::*;

#[tokio::test]
async fn anyone_reads_the_page_and_nothing_is_recorded() {
    let world = World::new().await;
    let answer = world.anybody().get("/docs").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.text.contains("/openapi.json"));
    assert!(world.audit_log().await.is_empty());
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_origins() {
    let world = World::new().await;
    let answer = world.anybody().get("/docs").await;
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("http"), "{policy}");
    for tag in ["<script src", "<link rel=stylesheet", "<img src=\"http"] {
        assert!(!answer.text.contains(tag), "{tag}");
    }
}
