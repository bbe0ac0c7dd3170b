use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use client::Client;
use http::Method;
use local_cloud::lambda::Failure;
use serde_json::{Value, json};

use crate::world::World;

const SOON: Duration = Duration::from_secs(20);

fn failure(result: anyhow::Result<Value>) -> Failure {
    result.unwrap_err().downcast().unwrap()
}

fn lives(process: &Value) -> bool {
    let process = process.to_string();
    Command::new("kill")
        .args(["-0", &process])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

async fn until_gone(process: &Value) {
    let started = Instant::now();
    while lives(process) {
        assert!(started.elapsed() < SOON, "{process} still lives");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_instance_has_the_declared_environment_and_no_other() {
    let world = World::with(|settings| {
        settings
            .environment
            .insert("UNDECLARED".into(), "secret".into());
        settings
            .environment
            .insert("LITERAL".into(), "replaced".into());
    })
    .await;
    let environment = world.cloud.invoke("environment", &json!({})).await.unwrap();
    let names: BTreeSet<_> = environment
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(environment["SECRET_ID"], "caretrail/jobs");
    assert_eq!(environment["LITERAL"], "replaced");
    assert_eq!(
        environment["FILES_BUCKET"],
        local_cloud::cloud::FILES_BUCKET
    );
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "environment");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    for absent in ["UNDECLARED", "HOME", "SUPABASE_URL", "DATABASE_URL"] {
        assert!(!names.contains(absent), "{absent} is there: {names:?}");
    }
}

#[tokio::test]
async fn requests_that_wait_get_instances_of_their_own_up_to_the_limit() {
    let world = World::with(|settings| settings.instances = 2).await;
    let flag = world.folder.path().join("go");
    let event = json!({"until": flag});
    let all = async {
        tokio::join!(
            world.cloud.invoke("hold", &event),
            world.cloud.invoke("hold", &event),
            world.cloud.invoke("hold", &event),
        )
    };
    let release = async {
        // Both instances hold an event each, the third event waits.
        let both = || {
            let lines = world.cloud.logs("hold").lines();
            lines
                .iter()
                .filter(|line| line.starts_with("hold got"))
                .count()
                == 2
        };
        let started = Instant::now();
        while !both() {
            assert!(started.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(world.cloud.lambda().instances("hold"), 2);
        fs::write(&flag, "").unwrap();
    };
    let ((first, second, third), ()) = tokio::join!(all, release);
    let processes =
        BTreeSet::from([first, second, third].map(|answer| answer.unwrap().to_string()));
    assert_eq!(processes.len(), 2);
}

#[tokio::test]
async fn more_than_the_queue_holds_is_refused() {
    let world = World::with(|settings| {
        settings.instances = 1;
        settings.queue = 1;
    })
    .await;
    let flag = world.folder.path().join("go");
    let event = json!({"until": flag});
    let first = world.cloud.invoke("hold", &event);
    let rest = async {
        world
            .cloud
            .logs("hold")
            .wait_for("hold got", SOON)
            .await
            .unwrap();
        let waits = world.cloud.invoke("hold", &event);
        let refused = async {
            tokio::task::yield_now().await;
            let refused = failure(world.cloud.invoke("hold", &event).await);
            fs::write(&flag, "").unwrap();
            refused
        };
        tokio::join!(waits, refused)
    };
    let (first, (waited, refused)) = tokio::join!(first, rest);
    first.unwrap();
    waited.unwrap();
    assert_eq!(refused, Failure::Overloaded);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_ended_and_replaced() {
    let world = World::new().await;
    assert_eq!(
        failure(world.cloud.invoke("hang", &json!({})).await),
        Failure::TimedOut(Duration::from_secs(1))
    );
    let logs = world.cloud.logs("hang");
    logs.wait_for("Task timed out after 1.00 seconds", SOON)
        .await
        .unwrap();
    assert_eq!(
        failure(world.cloud.invoke("hang", &json!({})).await),
        Failure::TimedOut(Duration::from_secs(1))
    );
}

#[tokio::test]
async fn an_error_is_reported_as_the_runtime_tells_it() {
    let world = World::new().await;
    let Failure::Reported(document) = failure(world.cloud.invoke("report", &json!({})).await)
    else {
        panic!("it was no report");
    };
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["errorMessage"], "it reports this");
}

#[tokio::test]
async fn an_event_that_fails_is_tried_three_times_and_kept() {
    let world = World::new().await;
    world.cloud.lambda().send("report", json!({"number": 7}));
    world.cloud.settled().await;
    let letters = world.cloud.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].function.as_str(), &letters[0].event),
        ("report", &json!({"number": 7}))
    );
    let lines = world.cloud.logs("report").lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("report got"))
            .count(),
        3
    );
}

#[tokio::test]
async fn the_invoke_api_runs_a_function_and_marks_its_errors() {
    let world = World::new().await;
    let client = Client::new(world.cloud.lambda().url());
    let path = |name| format!("/2015-03-31/functions/{name}/invocations");
    let event = json!({"a": 1});
    let good = client
        .send(Method::POST, &path("echo"), Some(&event))
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(good.body()).unwrap();
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["event"], event);
    let bad = client
        .send(Method::POST, &path("report"), Some(&event))
        .await
        .unwrap();
    assert_eq!(
        (
            bad.status().as_u16(),
            &bad.headers()["x-amz-function-error"]
        ),
        (200, &"Unhandled".parse().unwrap())
    );
    assert_eq!(
        client
            .send(Method::POST, &path("nothing"), Some(&event))
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn no_process_outlives_its_cloud() {
    let world = World::new().await;
    let flag = world.folder.path().join("go");
    fs::write(&flag, "").unwrap();
    let event = json!({"until": flag});
    let first = world.cloud.invoke("hold", &event).await.unwrap();
    assert!(lives(&first));
    world.cloud.lambda().restart("hold");
    until_gone(&first).await;

    let second = world.cloud.invoke("hold", &event).await.unwrap();
    assert_ne!(first, second);
    world.cloud.shutdown().await;
    assert!(!lives(&second));

    let world = World::new().await;
    let third = world.cloud.invoke("hold", &event).await.unwrap();
    drop(world);
    until_gone(&third).await;
}

#[tokio::test]
async fn a_function_built_anew_takes_over() {
    let world = World::with(|settings| settings.reload = true).await;
    let flag = world.folder.path().join("go");
    fs::write(&flag, "").unwrap();
    let event = json!({ "until": flag });
    let first = world.cloud.invoke("hold", &event).await.unwrap();
    assert_eq!(world.cloud.invoke("hold", &event).await.unwrap(), first);

    let binary = fs::File::options()
        .write(true)
        .open(world.binary("hold"))
        .unwrap();
    binary
        .set_modified(std::time::SystemTime::now() + Duration::from_secs(1))
        .unwrap();
    drop(binary);
    assert_ne!(world.cloud.invoke("hold", &event).await.unwrap(), first);
    until_gone(&first).await;
}

#[tokio::test]
async fn a_restarted_function_answers_at_once() {
    let world = World::new().await;
    for _ in 0..3 {
        assert!(world.cloud.invoke("environment", &json!({})).await.is_ok());
        world.cloud.lambda().restart("environment");
    }
    assert!(world.cloud.invoke("environment", &json!({})).await.is_ok());
}
