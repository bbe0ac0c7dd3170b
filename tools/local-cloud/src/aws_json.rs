//! AWS's JSON protocol 1.1, which Secrets Manager and CloudWatch Logs speak: checks the signature of each request
//! and hands call and input to the service.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow, ensure};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use chrono::NaiveDateTime;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::listener::Listener;
use crate::objects::Credentials;

/// How far the time of a signature may be from the clock.
const OLDEST: Duration = Duration::from_secs(5 * 60);

/// A refusal: the name of the error and its message.
pub type Refusal = (&'static str, String);

/// Serves one service of AWS on a free port, to callers with these credentials. `answer` gets the name of the call,
/// such as `secretsmanager.GetSecretValue`, and its input. It may wait for a disk.
///
/// # Errors
/// No port is free.
pub async fn serve(
    credentials: &Credentials,
    answer: impl Fn(&str, &Value) -> Result<Value, Refusal> + Send + Sync + 'static,
) -> std::io::Result<Listener> {
    let credentials = credentials.clone();
    let answer = Arc::new(answer);
    Listener::start(0, move |request: Request<Incoming>, _| {
        let (credentials, answer) = (credentials.clone(), answer.clone());
        async move {
            let (call, input) = match read(request, &credentials).await {
                Ok(asked) => asked,
                Err(refused) => return respond(Err(refused)),
            };
            let answered = tokio::task::spawn_blocking(move || answer(&call, &input)).await;
            respond(answered.unwrap_or_else(|_| Err(broken())))
        }
    })
    .await
}

/// Reads the call and its input. Errors: as for [`read_signed`].
async fn read(
    request: Request<Incoming>,
    credentials: &Credentials,
) -> Result<(String, Value), Refusal> {
    let (headers, body) = read_signed(request, credentials).await?;
    let input = serde_json::from_slice(&body).unwrap_or_default();
    Ok((text(&headers, "x-amz-target").to_owned(), input))
}

/// Reads the headers and the body of a request in any of AWS's protocols. Errors: the body broke off, or the signature
/// isn't that of the credentials.
pub(crate) async fn read_signed(
    request: Request<Incoming>,
    credentials: &Credentials,
) -> Result<(HeaderMap, Bytes), Refusal> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| broken())?.to_bytes();
    let url = format!("http://{}{}", text(&head.headers, "host"), head.uri);
    check(
        &head.headers,
        head.method.as_str(),
        &url,
        &body,
        credentials,
    )
    .map_err(|fault| ("InvalidSignatureException", fault.to_string()))?;
    Ok((head.headers, body))
}

fn broken() -> Refusal {
    (
        "InternalServiceError",
        "The request could not be handled.".into(),
    )
}

/// Signs the request again and compares. Errors: the signature is missing, too old, or another one.
fn check(
    headers: &HeaderMap,
    method: &str,
    url: &str,
    body: &[u8],
    credentials: &Credentials,
) -> Result<()> {
    let given = text(headers, header::AUTHORIZATION.as_str());
    let part = |name: &str| {
        let (_, rest) = given.split_once(&format!("{name}="))?;
        rest.split([',', ' ']).next()
    };
    let scope: Vec<&str> = part("Credential").unwrap_or_default().split('/').collect();
    let [holder, _, region, service, _] = scope[..] else {
        return Err(anyhow!("The request has no signature of AWS."));
    };
    ensure!(
        holder == credentials.access_key,
        "The credentials are unknown."
    );
    let time = NaiveDateTime::parse_from_str(text(headers, "x-amz-date"), "%Y%m%dT%H%M%SZ")?;
    let time = SystemTime::from(time.and_utc());
    let age = SystemTime::now().duration_since(time);
    ensure!(
        age.unwrap_or_else(|ahead| ahead.duration()) <= OLDEST,
        "The signature is too old."
    );

    // A session's token isn't checked beyond its part in the signature.
    let token = headers.contains_key("x-amz-security-token");
    let token = token.then(|| text(headers, "x-amz-security-token").to_owned());
    let (access, secret) = (&credentials.access_key, &credentials.secret_key);
    let identity =
        aws_credential_types::Credentials::new(access, secret, token, None, "local").into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()?
        .into();
    // The signature itself sets host, time and session token.
    let signed = part("SignedHeaders").unwrap_or_default().split(';');
    let signed =
        signed.filter(|name| !["host", "x-amz-date", "x-amz-security-token"].contains(name));
    let signed = signed.map(|name| (name, text(headers, name)));
    let request = SignableRequest::new(method, url, signed, SignableBody::Bytes(body))?;
    let (_, signature) = sign(request, &parameters)?.into_parts();
    ensure!(
        part("Signature") == Some(signature.as_str()),
        "The signature does not match."
    );
    Ok(())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

fn respond(answered: Result<Value, Refusal>) -> Response<Full<Bytes>> {
    let (status, body) = match answered {
        Ok(output) => (StatusCode::OK, output),
        Err((kind, message)) => (
            StatusCode::BAD_REQUEST,
            json!({"__type": kind, "message": message}),
        ),
    };
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    response
}
