//! How the import calls: patiently, as the right person, and silent about what it sends.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Api, Person};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

fn person() -> Person {
    let id = Uuid::new_v4();
    Person {
        id,
        email: format!("{id}@example.org"),
    }
}

/// Serves these answers to callers with a token, one after the other, and repeats the last one.
/// Ends with the test's runtime.
fn serve(socket: TcpListener, answers: &'static [(u16, &'static str)]) {
    let given = Arc::new(AtomicUsize::new(0));
    let handler = move |request: Request<Incoming>| {
        let index = given.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let (status, body) = answers[index];
        let known = request.headers()["authorization"]
            .as_bytes()
            .starts_with(b"Bearer token-of-");
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = if known { status } else { 401 }.try_into().unwrap();
        async move { Ok::<_, Infallible>(response) }
    };
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let service = service_fn(handler.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

/// The port of a cloud that [serves](serve) these answers.
async fn cloud(answers: &'static [(u16, &'static str)]) -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    serve(socket, answers);
    port
}

fn api(port: u16) -> (Api, Arc<AtomicUsize>) {
    let minted = Arc::new(AtomicUsize::new(0));
    let count = minted.clone();
    let api = Api::new(format!("http://127.0.0.1:{port}"), move |person| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(format!("token-of-{}", person.id))
    });
    (api, minted)
}

#[tokio::test]
async fn an_unavailable_cloud_is_asked_again() {
    let cloud = cloud(&[(503, "{}"), (429, "{}"), (201, r#"{"id": 1}"#)]).await;
    let (api, _) = api(cloud);
    let answer = api.post(&person(), "/v1/users", &json!({})).await.unwrap();
    assert_eq!(answer["id"], 1);
    assert_eq!(api.sent(), 3);
}

#[tokio::test]
async fn a_broken_connection_is_made_again() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let (api, _) = api(port);
    let serve = async {
        drop(socket.accept().await.unwrap());
        serve(socket, &[(200, "{}")]);
    };
    let person = person();
    let ((), answer) = tokio::join!(serve, api.get(&person, "/v1/me"));
    assert_eq!(answer.unwrap(), json!({}));
    assert!(api.sent() > 1);
}

#[tokio::test]
async fn patience_ends() {
    let cloud = cloud(&[(503, r#"{"type": "/problems/unavailable"}"#)]).await;
    let (api, _) = api(cloud);
    let refusal = api.get(&person(), "/v1/me").await.unwrap_err();
    assert!(refusal.is("unavailable"), "{refusal}");
    assert_eq!(api.sent(), 6);
}

#[tokio::test]
async fn a_refusal_names_kind_fields_and_request_and_is_final() {
    let cloud = cloud(&[(
        422,
        r#"{"type": "/problems/invalid", "request_id": "r-1",
            "errors": [{"pointer": "/allergies/0/code", "message": "expected a coding"}]}"#,
    )])
    .await;
    let (api, _) = api(cloud);
    let body = json!({"first_name": "Very Secret"});
    let refusal = api.post(&person(), "/v1/users", &body).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "answered 422 invalid (/allergies/0/code: expected a coding), request r-1"
    );
    assert_eq!(api.sent(), 1);
}

#[tokio::test]
async fn each_person_has_a_token_of_their_own_and_keeps_it_for_a_while() {
    let cloud = cloud(&[(200, "{}")]).await;
    let (api, minted) = api(cloud);
    let (one, other) = (person(), person());
    for who in [&one, &other, &one, &other] {
        api.get(who, "/v1/me").await.unwrap();
    }
    assert_eq!(minted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_has_expired_meanwhile_is_replaced_once() {
    let expired = (401, r#"{"type": "/problems/not-authenticated"}"#);
    let renewed = cloud(Box::leak(Box::new([expired, (200, "{}")]))).await;
    let (api_, minted) = api(renewed);
    api_.get(&person(), "/v1/me").await.unwrap();
    assert_eq!(minted.load(Ordering::SeqCst), 2);

    let refused = cloud(Box::leak(Box::new([expired]))).await;
    let (api_, minted) = api(refused);
    let refusal = api_.get(&person(), "/v1/me").await.unwrap_err();
    assert!(refusal.is_final(), "{refusal}");
    assert_eq!(minted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_change_names_the_version_it_changes() {
    let cloud = cloud(&[(200, r#"{"version": 4}"#)]).await;
    let (api, _) = api(cloud);
    let patch = json!({"phone": null});
    let answer = api.patch(&person(), "/v1/users/1", 3, &patch).await;
    assert_eq!(answer.unwrap()["version"], 4);
    api.delete(&person(), "/v1/users/1", 4).await.unwrap();
    assert_eq!(api.sent(), 2);
}
