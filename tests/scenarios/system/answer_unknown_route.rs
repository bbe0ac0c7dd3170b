//! `$default`

use http_body_util::Full;
use tests::prelude::*;

#[tokio::test]
async fn a_path_without_operation_is_absent_and_nothing_is_recorded() {
    let world = World::new().await;
    for path in [
        "/",
        "/v1",
        "/v1/zebrafish",
        "/v1/patients/",
        "/v1/patients/1/2/3",
        "/favicon.ico",
    ] {
        let answer = world.anybody().get(path).await.problem(404, "not-found");
        assert!(!answer.text.contains("zebrafish"), "{}", answer.text);
    }
    assert!(world.audit_log().await.is_empty());
}

#[tokio::test]
async fn a_method_that_a_path_lacks_is_refused_with_those_that_it_has() {
    let world = World::new().await;
    for (method, path, allowed) in [
        ("DELETE", "/v1/patients", "GET, HEAD, POST"),
        (
            "POST",
            "/v1/patients/00000000-0000-4000-8000-000000000000",
            "DELETE, GET, HEAD, PATCH",
        ),
        (
            "PUT",
            "/v1/patients/search",
            "DELETE, GET, HEAD, PATCH, POST",
        ),
        ("PATCH", "/health", "GET, HEAD"),
    ] {
        let request = world.anybody().request(method.parse().unwrap(), path);
        let request = request.body(Full::default()).unwrap();
        let answer = world.anybody().send_request(request).await;
        let answer = answer.problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        assert!(answer.body["detail"].as_str().unwrap().contains(allowed));
    }
    assert!(world.audit_log().await.is_empty());
}
