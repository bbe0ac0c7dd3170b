//! The cloud without a database: functions made for the purpose, run by the real Lambda runtime.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "a function's log")]

mod access_log;
mod audit_bucket;
mod gateway;
mod invocations;
mod logs;
mod objects;
mod secrets;
mod world;

use std::env;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

/// Not a test of its own: what the functions of the test template are, when the cloud starts this
/// program as one of them.
#[tokio::test]
async fn runs_as_a_function_when_started_as_one() {
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    lambda_runtime::run(service_fn(function)).await.unwrap();
}

async fn function(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    let name = env::var("AWS_LAMBDA_FUNCTION_NAME")?;
    println!("{name} got {}", event.context.request_id);
    match name.as_str() {
        // Answers with what it got.
        "echo" => Ok(json!({
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": json!({"event": event.payload, "process": std::process::id()}).to_string(),
        })),
        "environment" => Ok(json!(
            env::vars().collect::<std::collections::BTreeMap<_, _>>()
        )),
        "secrets" => {
            let secrets = ::secrets::Secrets::read().await?;
            let names = ["DATABASE_URL", "TICKET_KEY", "CURSOR_KEY"];
            Ok(json!(names.map(|name| secrets.optional(name))))
        }
        "crash" => std::process::exit(3),
        "hang" => std::future::pending().await,
        "report" => Err("it reports this".into()),
        "large" => Ok(json!("x".repeat(7 * 1024 * 1024))),
        // Writes as many lines as the event asks for.
        "chatter" => {
            let lines = event.payload["lines"].as_u64().unwrap_or_default();
            (0..lines).for_each(|line| println!("line {line}"));
            Ok(json!(lines))
        }
        // Holds its instance until the file named in the event, or in the body of its request, is there.
        "hold" => {
            let body = event.payload["body"].as_str().unwrap_or("{}");
            let body: Value = serde_json::from_str(body)?;
            let until = event.payload["until"].as_str().or(body["until"].as_str());
            let until = until.ok_or("no file to wait for")?.to_owned();
            while !std::path::Path::new(&until).exists() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            Ok(json!(std::process::id()))
        }
        "on-upload" => {
            println!(
                "{name} about {}",
                event.payload["Records"][0]["s3"]["object"]
            );
            Ok(json!(null))
        }
        other => Err(format!("no such function: {other}").into()),
    }
}
