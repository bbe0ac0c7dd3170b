//! The log of the functions, read as the sealer reads it: through CloudWatch Logs.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use chrono::Utc;
use http::Request;
use http_body_util::Full;
use local_cloud::objects::Credentials;
use serde_json::{Value, json};

use crate::world::World;

pub const FUNCTIONS: &str = "/caretrail/local/functions";

const SOON: Duration = Duration::from_secs(20);

/// Calls CloudWatch Logs as the holder of `credentials`.
async fn call(world: &World, credentials: &Credentials, call: &str, input: &Value) -> (u16, Value) {
    let url = format!("{}/", world.cloud.log_search_url());
    let body = input.to_string();
    let (access, secret) = (&credentials.access_key, &credentials.secret_key);
    let identity =
        aws_credential_types::Credentials::new(access, secret, None, None, "test").into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("logs")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", call),
    ];
    let signable = SignableRequest::new(
        "POST",
        &url,
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let (instructions, _) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
    let mut request = Request::post(&url)
        .header(headers[0].0, headers[0].1)
        .header(headers[1].0, headers[1].1)
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    instructions.apply_to_request_http1x(&mut request);
    let answer = world.client.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(answer.body()).unwrap())
}

async fn filter(world: &World, input: Value) -> (u16, Value) {
    let credentials = world.cloud.credentials();
    call(world, credentials, "Logs_20140328.FilterLogEvents", &input).await
}

/// All events of a group that a pattern selects, page by page.
pub async fn events(world: &World, group: &str, pattern: &str, limit: usize) -> Vec<Value> {
    let mut input = json!({"logGroupName": group, "filterPattern": pattern, "limit": limit});
    let mut events = Vec::new();
    loop {
        let (status, page) = filter(world, input.clone()).await;
        assert_eq!(status, 200, "{page}");
        let found = page["events"].as_array().unwrap();
        assert!(found.len() <= limit);
        events.extend(found.iter().cloned());
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => return events,
        }
    }
}

/// The lines that Lambda itself wrote about a function, by their type.
pub async fn platform(world: &World, function: &str, kind: &str) -> Vec<Value> {
    let pattern = format!("{{ $.type = \"{kind}\" }}");
    let events = events(world, FUNCTIONS, &pattern, 1000).await;
    let of_function = events.into_iter().filter(|event| {
        let stream = event["logStreamName"].as_str().unwrap();
        stream.contains(&format!("/{function}[$LATEST]"))
    });
    let lines = of_function.map(|event| event["message"].as_str().unwrap().to_owned());
    lines
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

#[tokio::test]
async fn each_instance_writes_its_lines_and_those_of_lambda_to_a_stream_of_its_own() {
    let world = World::with(|settings| settings.instances = 1).await;
    for _ in 0..2 {
        world.cloud.invoke("environment", &json!({})).await.unwrap();
    }
    world.cloud.lambda().restart("environment");
    let environment = world.cloud.invoke("environment", &json!({})).await.unwrap();
    assert_eq!(environment["AWS_LAMBDA_LOG_GROUP_NAME"], FUNCTIONS);
    assert_eq!(environment["FUNCTION_LOG_GROUP"], FUNCTIONS);
    assert_eq!(environment["ACCESS_LOG_GROUP"], "/caretrail/local/access");
    assert_eq!(environment["AUDIT_BUCKET"], "caretrail-audit");
    assert_eq!(
        environment["AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"],
        world.cloud.log_search_url()
    );

    // The third line of the function may still be on its way.
    world
        .cloud
        .logs("environment")
        .wait_until(|line| line.starts_with("environment got"), SOON)
        .await
        .unwrap();
    let starts = platform(&world, "environment", "platform.start").await;
    let reports = platform(&world, "environment", "platform.report").await;
    assert_eq!((starts.len(), reports.len()), (3, 3));
    for (start, report) in starts.iter().zip(&reports) {
        let id = &start["record"]["requestId"];
        assert_eq!(start["record"]["version"], "$LATEST");
        assert_eq!(report["record"]["requestId"], *id);
        assert_eq!(report["record"]["status"], "success");
        let metrics = &report["record"]["metrics"];
        assert!(metrics["durationMs"].as_f64().unwrap() > 0.0);
        assert_eq!(metrics["memorySizeMB"], 128);
        // The function names the same request.
        let line = format!("environment got {}", id.as_str().unwrap());
        world
            .cloud
            .logs("environment")
            .wait_for(&line, SOON)
            .await
            .unwrap();
    }
    let got = events(&world, FUNCTIONS, "\"environment got\"", 100).await;
    let streams: Vec<_> = got.iter().map(|event| &event["logStreamName"]).collect();
    assert_eq!(streams.len(), 3);
    assert_eq!(streams[0], streams[1]);
    assert_ne!(streams[1], streams[2]);
    assert_eq!(environment["AWS_LAMBDA_LOG_STREAM_NAME"], *streams[2]);
    assert_eq!(
        platform(&world, "environment", "platform.initStart")
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn the_report_of_an_invocation_says_how_it_failed() {
    let world = World::new().await;
    for (function, status, kind) in [
        ("crash", "error", json!("Runtime.ExitError")),
        ("hang", "timeout", Value::Null),
        ("large", "error", json!("Function.ResponseSizeTooLarge")),
        ("missing", "error", json!("Runtime.ExitError")),
        ("report", "error", Value::Null),
    ] {
        world.cloud.invoke(function, &json!({})).await.unwrap_err();
        let starts = platform(&world, function, "platform.start").await;
        let reports = platform(&world, function, "platform.report").await;
        assert_eq!((starts.len(), reports.len()), (1, 1), "{function}");
        let record = &reports[0]["record"];
        assert_eq!(record["requestId"], starts[0]["record"]["requestId"]);
        assert_eq!(record["status"], status, "{function}");
        if kind != Value::Null {
            assert_eq!(record["errorType"], kind, "{function}");
        }
    }
    // An instance that is killed from outside is reported, too.
    let flag = world.folder.path().join("go");
    let event = json!({"until": flag});
    let kill = async {
        let logs = world.cloud.logs("hold");
        logs.wait_for("hold got", SOON).await.unwrap();
        world.cloud.lambda().restart("hold");
    };
    let (killed, ()) = tokio::join!(world.cloud.invoke("hold", &event), kill);
    killed.unwrap_err();
    let reports = platform(&world, "hold", "platform.report").await;
    assert_eq!(reports[0]["record"]["status"], "error");
}

#[tokio::test]
async fn an_event_is_tried_again_under_the_same_request_id() {
    let world = World::new().await;
    world.cloud.lambda().send("report", json!({}));
    world.cloud.settled().await;
    let reports = platform(&world, "report", "platform.report").await;
    let ids: BTreeSet<_> = reports
        .iter()
        .map(|report| report["record"]["requestId"].to_string())
        .collect();
    assert_eq!((reports.len(), ids.len()), (3, 1));
}

#[tokio::test]
async fn all_lines_of_a_clouds_life_are_served_also_after_a_restart() {
    const LINES: usize = 30_000;
    let world = World::new().await;
    let event = json!({"lines": LINES});
    world.cloud.invoke("chatter", &event).await.unwrap();
    let last = format!("line {}", LINES - 1);
    let logs = world.cloud.logs("chatter");
    logs.wait_for(&last, SOON).await.unwrap();
    // Fewer are kept in memory.
    assert!(logs.lines().len() < LINES);

    let world = world.restarted().await;
    world
        .cloud
        .invoke("chatter", &json!({"lines": 0}))
        .await
        .unwrap();
    let mut ids = BTreeSet::new();
    let mut next = 0;
    for event in events(&world, FUNCTIONS, "\"line \"", 7000).await {
        assert_eq!(event["message"], format!("line {next}"));
        assert!(ids.insert(event["eventId"].to_string()));
        next += 1;
    }
    assert_eq!(next, LINES);
    let reports = platform(&world, "chatter", "platform.report").await;
    assert_eq!(reports.len(), 2, "one of each cloud");
}

#[tokio::test]
async fn a_search_is_about_a_time() {
    let world = World::new().await;
    world.cloud.invoke("echo", &json!({})).await.unwrap();
    let after = Utc::now().timestamp_millis() + 1;
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.cloud.invoke("echo", &json!({})).await.unwrap();
    let find = async |start: i64, end: i64| {
        let pattern = "{ $.type = \"platform.report\" }";
        let (status, page) = filter(
            &world,
            json!({"logGroupName": FUNCTIONS, "startTime": start, "endTime": end, "filterPattern": pattern}),
        )
        .await;
        assert_eq!(status, 200);
        let events = page["events"].as_array().unwrap().clone();
        for event in &events {
            let timestamp = event["timestamp"].as_i64().unwrap();
            assert!((start..=end).contains(&timestamp));
            assert_eq!(event["ingestionTime"], timestamp);
        }
        events.len()
    };
    assert_eq!(find(0, after - 1).await, 1);
    assert_eq!(find(after, after + 60_000).await, 1);
    assert_eq!(find(0, after + 60_000).await, 2);
    assert_eq!(find(0, 1000).await, 0);
}

#[tokio::test]
async fn a_search_that_is_not_understood_is_refused() {
    let world = World::new().await;
    for (input, error) in [
        (
            json!({"logGroupName": "/other"}),
            "ResourceNotFoundException",
        ),
        (json!({}), "InvalidParameterException"),
        (
            json!({"logGroupName": FUNCTIONS, "logStreamNamePrefix": "a"}),
            "InvalidParameterException",
        ),
        (
            json!({"logGroupName": FUNCTIONS, "filterPattern": "{ $.a != \"b\" }"}),
            "InvalidParameterException",
        ),
        (
            json!({"logGroupName": FUNCTIONS, "limit": 10_001}),
            "InvalidParameterException",
        ),
        (
            json!({"logGroupName": FUNCTIONS, "nextToken": "x"}),
            "InvalidParameterException",
        ),
    ] {
        let (status, answer) = filter(&world, input.clone()).await;
        assert_eq!(
            (status, answer["__type"].as_str()),
            (400, Some(error)),
            "{input}"
        );
    }
    let own = world.cloud.credentials();
    let (_, answer) = call(&world, own, "Logs_20140328.DeleteLogGroup", &json!({})).await;
    assert_eq!(answer["__type"], "UnknownOperationException");
    let stranger = Credentials {
        secret_key: "another".into(),
        ..own.clone()
    };
    let input = json!({"logGroupName": FUNCTIONS});
    let (status, answer) = call(&world, &stranger, "Logs_20140328.FilterLogEvents", &input).await;
    assert_eq!(
        (status, answer["__type"].as_str()),
        (400, Some("InvalidSignatureException"))
    );
}

#[tokio::test]
async fn the_groups_are_files_in_the_data_folder() {
    let world = World::new().await;
    world.cloud.invoke("echo", &json!({})).await.unwrap();
    let folder = world.folder.path().join("data/log-groups/functions");
    let minutes = fs::read_dir(folder).unwrap();
    assert!(minutes.count() > 0);
}
