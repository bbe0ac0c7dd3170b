//! The access log: one line for each request, in the form that the template sets.

use std::fs;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::DateTime;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::logs::{events, platform};
use crate::world::World;

const GROUP: &str = "/caretrail/local/access";

const SOON: Duration = Duration::from_secs(20);

/// The lines so far. The line of a request is there when its caller has the answer.
async fn lines(world: &World) -> Vec<Value> {
    let events = events(world, GROUP, "", 1000).await;
    let lines = events
        .iter()
        .map(|event| event["message"].as_str().unwrap());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Sends a request and returns its line.
async fn logged(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Value {
    let before = lines(world).await.len();
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", world.cloud.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::default()).unwrap();
    world.client.send_request(request).await.unwrap();
    let mut lines = lines(world).await;
    assert_eq!(lines.len(), before + 1, "{method} {path}");
    lines.pop().unwrap()
}

#[tokio::test]
async fn an_answered_request_has_a_line_that_names_its_invocation() {
    let world = World::new().await;
    let answer = world
        .client
        .send(Method::GET, "/v1/things/7", None)
        .await
        .unwrap();
    let sent: Value = serde_json::from_slice(answer.body()).unwrap();
    let context = &sent["event"]["requestContext"];
    let line = lines(&world).await.remove(0);
    let report = platform(&world, "echo", "platform.report").await.remove(0);
    let expected = json!({
        "request_id": context["requestId"],
        "time": context["time"],
        "time_epoch": context["timeEpoch"].to_string(),
        "source_ip": "127.0.0.1",
        "method": "GET",
        "route": "GET /v1/things/{id}",
        "status": "200",
        "bytes": answer.body().len().to_string(),
        "error": "-",
        "integration_error": "-",
        "integration_status": "200",
        "integration_request_id": report["record"]["requestId"],
    });
    assert_eq!(line, expected);
    let time = DateTime::parse_from_str(line["time"].as_str().unwrap(), "%d/%b/%Y:%H:%M:%S %z");
    let epoch: i64 = line["time_epoch"].as_str().unwrap().parse().unwrap();
    assert_eq!(time.unwrap().timestamp(), epoch / 1000);
}

#[tokio::test]
async fn a_request_that_reaches_no_function_has_a_line_without_invocation() {
    let world = World::with(|settings| {
        settings.allowed_origin = "https://portal.example.org".into();
    })
    .await;
    let preflight = [
        ("origin", "https://portal.example.org"),
        ("access-control-request-method", "GET"),
    ];
    for (method, path, headers, status, route, error) in [
        ("GET", "/nothing", &[][..], "404", "-", "Not Found"),
        ("DELETE", "/v1/things", &[], "404", "-", "Not Found"),
        ("OPTIONS", "/v1/things", &[], "404", "-", "Not Found"),
        ("OPTIONS", "/v1/things", &preflight, "204", "-", "-"),
    ] {
        let line = logged(&world, method, path, headers).await;
        assert_eq!(line["method"], method);
        assert_eq!(line["status"], status, "{method} {path}");
        assert_eq!(line["route"], route);
        assert_eq!(line["error"], error);
        for absent in [
            "integration_error",
            "integration_status",
            "integration_request_id",
        ] {
            assert_eq!(line[absent], "-", "{method} {path}");
        }
    }
    let huge = Request::post(format!("{}/v1/things", world.cloud.url()))
        .body(Full::new(Bytes::from(vec![b'x'; 10 * 1024 * 1024 + 1])))
        .unwrap();
    world.client.send_request(huge).await.unwrap();
    let line = lines(&world).await.pop().unwrap();
    assert_eq!(
        (&line["status"], &line["route"]),
        (&json!("413"), &json!("POST /v1/things"))
    );
}

#[tokio::test]
async fn a_request_that_is_throttled_has_a_line_without_invocation() {
    let world = World::with(|settings| {
        settings.instances = 1;
        settings.queue = 0;
    })
    .await;
    let line = logged(&world, "GET", "/v1/things/1", &[]).await;
    assert_eq!(line["status"], "429");
    assert_eq!(line["error"], "Too Many Requests");
    assert_eq!(line["integration_request_id"], "-");
    assert_eq!(line["integration_status"], "-");
}

#[tokio::test]
async fn a_function_that_fails_is_named_by_its_invocation() {
    let world = World::new().await;
    for (function, status, error) in [
        ("report", "500", "Internal Server Error"),
        ("large", "500", "Internal Server Error"),
        ("crash", "502", "Bad Gateway"),
        ("missing", "502", "Bad Gateway"),
        ("hang", "504", "Endpoint request timed out"),
    ] {
        let line = logged(&world, "GET", &format!("/{function}"), &[]).await;
        assert_eq!(line["status"], status, "{function}");
        assert_eq!(line["error"], error);
        assert_eq!(line["integration_status"], "-");
        assert_ne!(line["integration_error"], "-");
        let report = platform(&world, function, "platform.report")
            .await
            .remove(0);
        assert_eq!(
            line["integration_request_id"],
            report["record"]["requestId"]
        );
    }
}

#[tokio::test]
async fn a_request_whose_caller_hangs_up_has_its_line() {
    let world = World::new().await;
    let flag = world.folder.path().join("go");
    let address = world.cloud.url().replace("http://", "");
    let mut caller = TcpStream::connect(address).await.unwrap();
    let body = json!({"until": flag}).to_string();
    let request = format!(
        "POST /hold HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    caller.write_all(request.as_bytes()).await.unwrap();
    world
        .cloud
        .logs("hold")
        .wait_for("hold got", SOON)
        .await
        .unwrap();
    drop(caller);
    fs::write(&flag, "").unwrap();
    let started = Instant::now();
    while lines(&world).await.is_empty() {
        assert!(started.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let line = &lines(&world).await[0];
    assert_eq!(line["route"], "POST /hold");
    assert_eq!(line["status"], "200");
}

#[tokio::test]
async fn the_lines_of_an_earlier_cloud_stay() {
    let world = World::new().await;
    logged(&world, "GET", "/v1/things/1", &[]).await;
    let world = world.restarted().await;
    logged(&world, "GET", "/v1/things/2", &[]).await;
    assert_eq!(lines(&world).await.len(), 2);
}
