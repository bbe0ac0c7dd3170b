//! The lines that Lambda itself writes to the log of a function whose log format is JSON.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::environment::REGION;
use super::failure::Failure;
use crate::template::Function;

/// An instance starts.
pub fn init_start(function: &Function) -> String {
    event(
        "platform.initStart",
        json!({
            "initializationType": "on-demand",
            "phase": "init",
            "functionName": function.package,
            "functionVersion": "$LATEST",
        }),
    )
}

/// An instance gets an event.
pub fn start(function: &Function, request_id: &str) -> String {
    event(
        "platform.start",
        json!({
            "requestId": request_id,
            "functionArn": arn(function),
            "version": "$LATEST",
        }),
    )
}

/// An invocation has ended, with an answer or not.
pub fn report(
    function: &Function,
    request_id: &str,
    took: Duration,
    failure: Option<&Failure>,
) -> String {
    let duration = took.as_secs_f64() * 1000.0;
    let (status, error_type) = failure.map_or(("success", None), Failure::reported);
    let mut record = json!({
        "requestId": request_id,
        "metrics": {
            "durationMs": (duration * 1000.0).round() / 1000.0,
            "billedDurationMs": took.as_millis() + 1,
            "memorySizeMB": function.memory,
        },
        "status": status,
    });
    if let Some(error_type) = error_type {
        record["errorType"] = error_type.into();
    }
    event("platform.report", record)
}

/// The function's ARN.
pub fn arn(function: &Function) -> String {
    format!(
        "arn:aws:lambda:{REGION}:000000000000:function:{}",
        function.package
    )
}

fn event(kind: &str, record: Value) -> String {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({"time": time, "type": kind, "record": record}).to_string()
}
