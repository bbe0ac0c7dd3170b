//! Calls AWS services that take JSON, such as Secrets Manager and KMS, or a form, such as SNS. Their SDKs would add
//! megabytes to each function.
#![warn(missing_docs)]

mod log_group;

use std::fmt;
use std::time::SystemTime;

pub use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use https::http::header::CONTENT_TYPE;
use https::http::{Request, StatusCode};
use https::{Bytes, Client};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use settings::Misconfigured;

pub use log_group::{Event, LogGroup};

/// A service of AWS, with the credentials of the function.
pub struct Service {
    /// The URL of its endpoint, such as `https://kms.eu-central-1.amazonaws.com`.
    pub url: String,
    /// The region that requests are signed for, such as `eu-central-1`.
    pub region: String,
    /// The name that requests are signed for, such as `kms`.
    pub name: &'static str,
    /// The credentials that sign the requests.
    pub credentials: Credentials,
}

/// Why a call failed. It contains nothing of the request or the answer but the status and the error's type.
#[derive(Debug)]
pub enum Failure {
    /// The service refused the call.
    Refused {
        /// The name of the service.
        service: &'static str,
        /// The status of the answer.
        status: StatusCode,
        /// The error's type in the answer, such as `AccessDeniedException`. Empty if the answer has none.
        kind: String,
    },
    /// The service accepted the call, but its answer doesn't have the expected members.
    Unreadable(&'static str),
    /// A search in CloudWatch Logs has too many pages.
    TooManyPages,
    /// The call could not be signed or sent, or there was no answer.
    Unanswered(https::Failure),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                service,
                status,
                kind,
            } => write!(f, "the AWS service {service} answered {status} {kind}"),
            Self::Unreadable(service) => write!(
                f,
                "the answer of the AWS service {service} lacks an expected member"
            ),
            Self::TooManyPages => f.write_str("the search in CloudWatch Logs has too many pages"),
            Self::Unanswered(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Failure {}

/// What a service says of a call that failed.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default, rename = "__type")]
    kind: String,
}

impl Service {
    /// The service at the URL in the variable `url`, with the region and the credentials that Lambda sets. Errors: a
    /// variable is missing.
    pub fn from_env(name: &'static str, url: &'static str) -> Result<Self, Misconfigured> {
        Ok(Self {
            url: settings::required(url)?,
            region: settings::required("AWS_REGION")?,
            name,
            credentials: Credentials::new(
                settings::required("AWS_ACCESS_KEY_ID")?,
                settings::required("AWS_SECRET_ACCESS_KEY")?,
                settings::optional("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
        })
    }

    /// Calls the operation `target`, such as `TrentService.Sign`, once. Errors: see [`Failure`].
    pub async fn call<Answer: DeserializeOwned>(
        &self,
        target: &str,
        question: &impl Serialize,
    ) -> Result<Answer, Failure> {
        let client = Client::new().map_err(Failure::Unanswered)?;
        self.call_by(&client, target, question).await
    }

    /// Calls the operation `target` by a client that allows for its answer. Errors: see [`Failure`].
    pub async fn call_by<Answer: DeserializeOwned>(
        &self,
        client: &Client,
        target: &str,
        question: &impl Serialize,
    ) -> Result<Answer, Failure> {
        let request = || {
            let request = Request::post(self.url.as_str())
                .header(CONTENT_TYPE, "application/x-amz-json-1.1")
                .header("x-amz-target", target);
            self.signed(request.body(serde_json::to_vec(question)?.into())?)
        };
        let kind = |answer: &[u8]| {
            let refusal: Refusal = serde_json::from_slice(answer).unwrap_or_default();
            refusal.kind
        };
        let request = request().map_err(Failure::Unanswered)?;
        let answer = self.send(client, request, kind).await?;
        // The error of the parser is left out, because it can quote the answer.
        serde_json::from_slice(&answer).map_err(|_| Failure::Unreadable(self.name))
    }

    /// Calls an operation of a service that takes a form, once. `parameters` include the operation, `Action`, and the
    /// version of the service, `Version`. Nothing is read of the answer but that the service accepted the call.
    /// Errors: see [`Failure`].
    ///
    /// See the [AWS Query protocol](https://smithy.io/2.0/aws/protocols/aws-query-protocol.html).
    pub async fn submit(&self, parameters: &[(&str, &str)]) -> Result<(), Failure> {
        let request = || {
            let form = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(parameters)
                .finish();
            let request = Request::post(self.url.as_str());
            let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            self.signed(request.body(form.into())?)
        };
        // The error's type is an element of the answer, which is XML.
        let kind = |answer: &[u8]| {
            let answer = String::from_utf8_lossy(answer);
            let code = answer
                .split_once("<Code>")
                .and_then(|(_, rest)| rest.split_once("</Code>"));
            code.map_or_else(String::new, |(code, _)| code.to_owned())
        };
        let client = Client::new().map_err(Failure::Unanswered)?;
        let request = request().map_err(Failure::Unanswered)?;
        self.send(&client, request, kind).await.map(drop)
    }

    /// Returns the body of the answer. `kind` finds the error's type in the answer to a call that failed.
    async fn send(
        &self,
        client: &Client,
        request: Request<Bytes>,
        kind: impl FnOnce(&[u8]) -> String,
    ) -> Result<Bytes, Failure> {
        let answer = client.send(request.map(https::body)).await;
        let answer = answer.map_err(Failure::Unanswered)?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(Failure::Refused {
                service: self.name,
                status,
                kind: kind(answer.body()),
            }),
        }
    }

    /// The request with a signature of AWS (SigV4).
    fn signed(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, https::Failure> {
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.name)
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A service that answers once with this status and body.
    fn answering(status: &str, body: &'static str) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
            socket.write_all(head.as_bytes()).unwrap();
            socket.write_all(body.as_bytes()).unwrap();
        });
        Service {
            url,
            region: "eu-central-1".to_owned(),
            name: "kms",
            credentials: Credentials::new("key", "secret", None, None, "test"),
        }
    }

    /// Calls a service that answers with this status and body.
    async fn answered(status: &str, body: &'static str) -> Result<Vec<u8>, Failure> {
        let service = answering(status, body);
        service
            .call("TrentService.Sign", &["a secret question"])
            .await
    }

    /// Submits a form to a service that answers with this status and body.
    async fn submitted(status: &str, body: &'static str) -> Result<(), Failure> {
        let service = answering(status, body);
        service.submit(&[("Message", "a secret question")]).await
    }

    #[tokio::test]
    async fn a_form_is_accepted_or_refused_with_status_and_type() {
        let accepted = "<PublishResponse><PublishResult/></PublishResponse>";
        submitted("200 OK", accepted).await.unwrap();
        let refused = submitted(
            "403 Forbidden",
            "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>secret</Message></Error></ErrorResponse>",
        );
        assert_eq!(
            refused.await.unwrap_err().to_string(),
            "the AWS service kms answered 403 Forbidden AuthorizationError"
        );
        let unreadable = submitted("500 Internal Server Error", "secret").await;
        assert_eq!(
            unreadable.unwrap_err().to_string(),
            "the AWS service kms answered 500 Internal Server Error "
        );
    }

    #[tokio::test]
    async fn a_failure_tells_status_and_type_and_nothing_of_question_or_answer() {
        let refused = answered(
            "400 Bad Request",
            r#"{"__type":"DisabledException","message":"secret"}"#,
        )
        .await;
        let text = refused.unwrap_err().to_string();
        assert_eq!(
            text,
            "the AWS service kms answered 400 Bad Request DisabledException"
        );

        let unreadable = answered("200 OK", r#""secret""#).await;
        let text = unreadable.unwrap_err().to_string();
        assert_eq!(
            text,
            "the answer of the AWS service kms lacks an expected member"
        );
    }

    #[tokio::test]
    async fn an_answer_is_read_as_the_expected_type() {
        assert_eq!(answered("200 OK", "[1,2]").await.unwrap(), [1, 2]);
    }
}
