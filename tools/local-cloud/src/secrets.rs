//! AWS Secrets Manager: its call `GetSecretValue`, which checks the signature of each request.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use chrono::NaiveDateTime;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::listener::Listener;
use crate::objects::Credentials;

/// How far the time of a signature may be from the clock.
const OLDEST: Duration = Duration::from_secs(5 * 60);

/// Secrets by name. Each has members with the names of environment variables.
pub type Values = BTreeMap<String, BTreeMap<String, String>>;

/// A running endpoint. Dropping it closes its port.
#[derive(Debug)]
pub struct Secrets {
    listener: Listener,
}

impl Secrets {
    /// Serves these secrets on a free port, to callers with these credentials.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(secrets: Values, credentials: &Credentials) -> Result<Self> {
        let credentials = credentials.clone();
        let listener = Listener::start(0, move |request, _| {
            let (secrets, credentials) = (secrets.clone(), credentials.clone());
            async move { answer(request, &secrets, &credentials).await }
        });
        let listener = listener.await.context("no port for Secrets Manager")?;
        Ok(Self { listener })
    }

    /// The endpoint's URL, a function's `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }
}

async fn answer(
    request: Request<Incoming>,
    secrets: &Values,
    credentials: &Credentials,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(|body| body.to_bytes()) else {
        return refusal("InternalServiceError", "The body is not complete.");
    };
    let url = format!("http://{}{}", text(&head.headers, "host"), head.uri);
    if let Err(fault) = check(
        &head.headers,
        head.method.as_str(),
        &url,
        &body,
        credentials,
    ) {
        return refusal("InvalidSignatureException", &fault.to_string());
    }
    if text(&head.headers, "x-amz-target") != "secretsmanager.GetSecretValue" {
        return refusal(
            "UnknownOperationException",
            "The only call is GetSecretValue.",
        );
    }
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let found = asked["SecretId"]
        .as_str()
        .and_then(|id| secrets.get_key_value(id));
    match found {
        Some((name, secret)) => {
            let value = json!({"Name": name, "SecretString": json!(secret).to_string()});
            respond(StatusCode::OK, &value)
        }
        None => refusal(
            "ResourceNotFoundException",
            "There is no secret with this name.",
        ),
    }
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

fn refusal(kind: &str, message: &str) -> Response<Full<Bytes>> {
    respond(
        StatusCode::BAD_REQUEST,
        &json!({"__type": kind, "message": message}),
    )
}

fn respond(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = status;
    response
}
