//! The one call of AWS Secrets Manager that functions need. Its SDK would add megabytes to each of them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use https::http::header::CONTENT_TYPE;
use https::http::{Request, StatusCode};
use https::{Bytes, Client};
use serde::Deserialize;

/// Why a secret could not be fetched. It contains nothing of the secret.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Manager {
    url: String,
    region: String,
    credentials: Credentials,
    client: Client,
}

/// The answer to `GetSecretValue`.
#[derive(Deserialize)]
struct SecretValue {
    #[serde(rename = "SecretString")]
    secret_string: String,
}

/// What Secrets Manager says of a request that failed.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default, rename = "__type")]
    kind: String,
}

impl Manager {
    pub(crate) fn from_env() -> Result<Self, Failure> {
        Ok(Self {
            url: settings::required("AWS_ENDPOINT_URL_SECRETS_MANAGER")?,
            region: settings::required("AWS_REGION")?,
            credentials: Credentials::new(
                settings::required("AWS_ACCESS_KEY_ID")?,
                settings::required("AWS_SECRET_ACCESS_KEY")?,
                settings::optional("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
            client: Client::new()?,
        })
    }

    /// Sends [`GetSecretValue`](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html)
    /// and returns the members of the current value.
    pub(crate) async fn fetch(&self, id: &str) -> Result<BTreeMap<String, String>, Failure> {
        let request = self.signed(serde_json::to_vec(&BTreeMap::from([("SecretId", id)]))?)?;
        let answer = self.client.send(request.map(https::body)).await?;
        if answer.status() != StatusCode::OK {
            let refusal: Refusal = serde_json::from_slice(answer.body()).unwrap_or_default();
            let (status, kind) = (answer.status(), refusal.kind);
            return Err(format!("AWS Secrets Manager answered {status} {kind}").into());
        }
        let value: SecretValue = serde_json::from_slice(answer.body())
            .map_err(|_| "the secret has no text in SecretString")?;
        let secret = serde_json::from_str(&value.secret_string);
        secret.map_err(|_| "the secret is not a JSON object of texts".into())
    }

    /// The request with a signature of AWS (SigV4).
    fn signed(&self, body: Vec<u8>) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::post(self.url.as_str())
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", "secretsmanager.GetSecretValue")
            .body(Bytes::from(body))?;
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("secretsmanager")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request.headers().iter();
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
            SignableBody::Bytes(request.body()),
        )?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}
