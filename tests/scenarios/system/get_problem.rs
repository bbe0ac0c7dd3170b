//! `GET /problems/{name}`

use tests::prelude::*;

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_description() {
    let world = World::new().await;
    // Given a problem that a caller got.
    let admin = world.admin().await;
    let problem = admin.get("/v1/patients?limit=0").await.invalid("limit");
    // When they follow its type.
    let path = problem.body["type"].as_str().unwrap();
    let answer = world.anybody().get(path).await;
    // Then they read what it means and what they can do.
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.body["name"], "invalid");
    assert_eq!(answer.body["status"], 422);
    for text in ["title", "meaning", "action"] {
        assert!(answer.body[text].is_string(), "{}", answer.text);
    }
}

#[tokio::test]
async fn an_unknown_kind_of_problem_is_absent_and_nothing_is_recorded() {
    let world = World::new().await;
    let answer = world.anybody().get("/problems/zebrafish").await;
    answer.problem(404, "not-found");
    assert!(world.audit_log().await.is_empty());
}
