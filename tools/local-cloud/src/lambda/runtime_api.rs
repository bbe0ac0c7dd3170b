//! The Runtime API, which instances call, and the Invoke API, which tools call.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::json;

use super::failure::{Failure, Outcome};
use super::function::{Function, Functions};
use super::platform;
use super::trace::trace;

/// Lambda's limit on a synchronous answer.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

type Answer = Response<Full<Bytes>>;

pub async fn answer(functions: Arc<Functions>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let segments: Vec<_> = path.split('/').skip(1).collect();
    match (request.method().clone(), segments.as_slice()) {
        (Method::POST, ["2015-03-31", "functions", name, "invocations"]) => {
            invoke(&functions, name, request).await
        }
        (method, [package, instance, "2018-06-01", "runtime", call @ ..]) => {
            let (Some(function), Ok(instance)) = (functions.get(*package), instance.parse()) else {
                return refuse(StatusCode::NOT_FOUND, "no such instance");
            };
            runtime(function, instance, method, call, request).await
        }
        _ => refuse(StatusCode::NOT_FOUND, "no such call"),
    }
}

async fn runtime(
    function: &Arc<Function>,
    instance: u64,
    method: Method,
    call: &[&str],
    request: Request<Incoming>,
) -> Answer {
    match (method, call) {
        (Method::GET, ["invocation", "next"]) => next(function, instance).await,
        (Method::POST, ["invocation", id, "response"]) => {
            let (outcome, status) = match body(request).await {
                Ok(body) => (Ok(body), StatusCode::ACCEPTED),
                Err(true) => (Err(Failure::TooLarge), StatusCode::PAYLOAD_TOO_LARGE),
                Err(false) => return refuse(StatusCode::BAD_REQUEST, "the body broke off"),
            };
            finish(function, instance, id, outcome, status)
        }
        (Method::POST, ["invocation", id, "error"]) => {
            let document = body(request).await.unwrap_or_default();
            finish(
                function,
                instance,
                id,
                Err(Failure::Reported(document)),
                StatusCode::ACCEPTED,
            )
        }
        (Method::POST, ["init", "error"]) => {
            let document = body(request).await.unwrap_or_default();
            let said = String::from_utf8_lossy(&document).into_owned();
            function.log(instance, said.clone());
            function.end(instance, &format!("could not initialise: {said}"));
            accepted(StatusCode::ACCEPTED)
        }
        _ => refuse(StatusCode::NOT_FOUND, "no such call"),
    }
}

async fn next(function: &Function, instance: u64) -> Answer {
    let Some(order) = function.next(instance).await else {
        return refuse(StatusCode::GONE, "this instance is to end");
    };
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", order.id)
        .header("lambda-runtime-deadline-ms", order.deadline_ms.to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            platform::arn(&function.definition),
        )
        .header("lambda-runtime-trace-id", order.trace)
        .body(Full::new(order.event))
        .unwrap_or_else(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "no valid headers"))
}

fn finish(
    function: &Function,
    instance: u64,
    id: &str,
    outcome: Outcome,
    status: StatusCode,
) -> Answer {
    if function.complete(instance, id, outcome) {
        accepted(status)
    } else {
        refuse(StatusCode::BAD_REQUEST, "no such invocation")
    }
}

async fn invoke(functions: &Functions, name: &str, request: Request<Incoming>) -> Answer {
    let Some(function) = functions.get(name) else {
        return refuse(StatusCode::NOT_FOUND, &format!("no function {name}"));
    };
    let Ok(event) = body(request).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the event is too large");
    };
    let (error, document) = match function.invoke(event, trace()).await {
        Ok(answer) => (false, answer),
        Err(Failure::Reported(document)) => (true, document),
        Err(failure) => (
            true,
            json!({"errorMessage": failure.to_string()})
                .to_string()
                .into(),
        ),
    };
    let mut response = Response::new(Full::new(document));
    if error {
        response.headers_mut().insert(
            "x-amz-function-error",
            http::HeaderValue::from_static("Unhandled"),
        );
    }
    response
}

/// `Err(true)`: the body is larger than Lambda allows. `Err(false)`: it broke off.
async fn body(request: Request<Incoming>) -> Result<Bytes, bool> {
    match Limited::new(request.into_body(), LARGEST_ANSWER)
        .collect()
        .await
    {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(error.is::<LengthLimitError>()),
    }
}

fn accepted(status: StatusCode) -> Answer {
    document(status, &json!({"status": "OK"}))
}

fn refuse(status: StatusCode, why: &str) -> Answer {
    document(
        status,
        &json!({"errorType": "RuntimeApi", "errorMessage": why}),
    )
}

fn document(status: StatusCode, content: &serde_json::Value) -> Answer {
    let mut response = Response::new(Full::new(content.to_string().into()));
    *response.status_mut() = status;
    response
}
