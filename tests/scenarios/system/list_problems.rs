//! `GET /problems`

use tests::prelude::*;

#[tokio::test]
async fn anyone_reads_every_kind_of_problem_and_nothing_is_recorded() {
    let world = World::new().await;
    let answer = world.anybody().get("/problems").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let kinds = answer.body["items"].as_array().unwrap();
    assert!(kinds.len() > 10, "{}", answer.text);
    for kind in kinds {
        // When a client follows the type of a problem.
        let path = kind["type"].as_str().unwrap();
        let described = world.anybody().get(path).await;
        // Then it reads the same description.
        assert_eq!(described.body, *kind, "{path}");
        assert_eq!(described.body["sample"]["type"], path);
        assert_eq!(described.body["sample"]["status"], kind["status"]);
    }
    assert!(world.audit_log().await.is_empty());
}
