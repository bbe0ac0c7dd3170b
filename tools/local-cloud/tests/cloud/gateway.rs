use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use local_cloud::issuer::{JWKS_PATH, TokenRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

async fn get(world: &World, path: &str) -> (u16, Value) {
    let answer = world.client.send(Method::GET, path, None).await.unwrap();
    (
        answer.status().as_u16(),
        serde_json::from_slice(answer.body()).unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_request_reaches_its_function_as_api_gateway_sends_it() {
    let world = World::new().await;
    let (status, answer) = get(&world, "/v1/things/a%2Fb?x=1").await;
    assert_eq!(status, 200);
    let event = &answer["event"];
    assert_eq!(event["routeKey"], "GET /v1/things/{id}");
    assert_eq!(event["pathParameters"], json!({"id": "a/b"}));
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["isBase64Encoded"], false);

    let (_, again) = get(&world, "/v1/things/2").await;
    assert_eq!(
        again["process"], answer["process"],
        "a warm instance is used again"
    );
}

#[tokio::test]
async fn a_body_is_passed_on_and_one_too_large_is_not() {
    let world = World::new().await;
    let sent = json!({"name": "a thing"});
    let answer = world
        .client
        .send(Method::POST, "/v1/things", Some(&sent))
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(answer["event"]["body"], sent.to_string());

    let huge = Request::post(format!("{}/v1/things", world.cloud.url()))
        .body(Full::new(Bytes::from(vec![b'x'; 10 * 1024 * 1024 + 1])))
        .unwrap();
    assert_eq!(world.client.send_request(huge).await.unwrap().status(), 413);
}

#[tokio::test]
async fn what_no_route_names_is_not_found() {
    let world = World::new().await;
    let nothing = (404, json!({"message": "Not Found"}));
    assert_eq!(get(&world, "/v1/nothing").await, nothing);
    assert_eq!(get(&world, "/v1/things").await, nothing);
}

#[tokio::test]
async fn a_failing_function_is_told_apart_by_how_it_fails() {
    let world = World::new().await;
    assert_eq!(
        get(&world, "/report").await,
        (500, json!({"message": "Internal Server Error"}))
    );
    assert_eq!(
        get(&world, "/large").await,
        (500, json!({"message": "Internal Server Error"}))
    );
    assert_eq!(
        get(&world, "/crash").await,
        (502, json!({"message": "Bad Gateway"}))
    );
    assert_eq!(
        get(&world, "/crash").await.0,
        502,
        "a new instance is started, and fails alike"
    );
    assert_eq!(get(&world, "/missing").await.0, 502);
    assert_eq!(
        get(&world, "/hang").await,
        (504, json!({"message": "Endpoint request timed out"}))
    );
}

#[tokio::test]
async fn the_issuers_keys_are_where_supabase_has_them() {
    let world = World::new().await;
    let token = world
        .cloud
        .issuer()
        .mint(&TokenRequest::new(Uuid::new_v4(), "demo@example.org"))
        .unwrap();
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid;
    let (status, keys) = get(&world, JWKS_PATH).await;
    assert_eq!(
        (status, keys["keys"][0]["kid"].as_str()),
        (200, kid.as_deref())
    );
    world.cloud.issuer().set_offline(true);
    assert_eq!(get(&world, JWKS_PATH).await.0, 503);
}

#[tokio::test]
async fn a_page_of_the_allowed_origin_may_call_and_no_other_page() {
    const PAGE: &str = "https://portal.example.org";
    let world = World::with(|settings| settings.allowed_origin = PAGE.into()).await;
    let send = async |method: &str, origin: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/v1/things", world.cloud.url()))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
            .body(Full::default())
            .unwrap();
        let answer = world.client.send_request(request).await.unwrap();
        let allowed = answer.headers().get("access-control-allow-origin");
        let allowed = allowed.map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), allowed)
    };
    let told = Some(PAGE.to_owned());
    assert_eq!(send("OPTIONS", PAGE).await, (204, told.clone()));
    assert_eq!(send("POST", PAGE).await, (200, told));
    let other = "https://elsewhere.example.org";
    assert_eq!(send("OPTIONS", other).await, (204, None));
    assert_eq!(send("POST", other).await, (200, None));
}
