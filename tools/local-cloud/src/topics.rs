//! Amazon SNS: its call `Publish`. A topic's subscriber gets each message as an e-mail, which is a file in the topic's
//! folder.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use chrono::Utc;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use uuid::Uuid;

use crate::aws_json::{self, Refusal};
use crate::lambda::REGION;
use crate::listener::Listener;
use crate::objects::Credentials;

/// The longest message, in bytes.
const LONGEST: usize = 256 * 1024;

/// A running endpoint. Dropping it closes its port.
#[derive(Debug)]
pub struct Topics {
    listener: Listener,
}

impl Topics {
    /// Serves topics on a free port, to callers with these credentials. The e-mails of a topic are in the folder with
    /// its name below `folder`.
    ///
    /// # Errors
    /// No port is free, or the folder can't be made.
    pub async fn start(folder: &Path, names: &[&str], credentials: &Credentials) -> Result<Self> {
        let mut topics = BTreeMap::new();
        for name in names {
            let folder = folder.join(name);
            fs::create_dir_all(&folder)
                .with_context(|| format!("{} was not made", folder.display()))?;
            topics.insert(arn(name), folder);
        }
        let (topics, credentials) = (Arc::new(topics), credentials.clone());
        let listener = Listener::start(0, move |request: Request<Incoming>, _| {
            let (topics, credentials) = (topics.clone(), credentials.clone());
            async move {
                let answered = match aws_json::read_signed(request, &credentials).await {
                    Ok((_, body)) => publish(&topics, &body),
                    Err(refused) => Err(refused),
                };
                respond(answered)
            }
        });
        let listener = listener.await.context("no port for SNS")?;
        Ok(Self { listener })
    }

    /// The endpoint's URL, a function's `AWS_ENDPOINT_URL_SNS`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }
}

/// The ARN of the topic with this name.
pub fn arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:000000000000:{name}")
}

/// Returns the id of the message.
fn publish(topics: &BTreeMap<String, PathBuf>, form: &[u8]) -> Result<Uuid, Refusal> {
    let form: BTreeMap<_, _> = form_urlencoded::parse(form).into_owned().collect();
    let member = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if (member("Action"), member("Version")) != ("Publish", "2010-03-31") {
        return Err(("InvalidAction", "The only call is Publish.".into()));
    }
    let folder = topics
        .get(member("TopicArn"))
        .ok_or(("NotFound", "Topic does not exist".to_owned()))?;
    let (subject, message) = (member("Subject"), member("Message"));
    let is_line = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if message.is_empty() || message.len() > LONGEST || subject.len() > 99 || !is_line(subject) {
        return Err((
            "InvalidParameter",
            "Invalid parameter: Message or Subject".into(),
        ));
    }
    let id = Uuid::now_v7();
    deliver(folder, id, subject, message).map_err(|error| {
        (
            "InternalError",
            format!("The file was not written: {error}"),
        )
    })?;
    Ok(id)
}

/// Writes the e-mail whole, so that a reader finds no part of it.
fn deliver(folder: &Path, id: Uuid, subject: &str, message: &str) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mail = format!(
        "From: AWS Notifications <no-reply@sns.amazonaws.com>\nDate: {}\nSubject: {subject}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n{message}\n\n--\n\
         If you wish to stop receiving notifications from this topic, please click or visit the link below to \
         unsubscribe:\nhttps://sns.{REGION}.amazonaws.com/unsubscribe.html\n",
        Utc::now().to_rfc2822()
    );
    file.write_all(mail.replace('\n', "\r\n").as_bytes())?;
    file.persist(folder.join(format!("{id}.eml")))?;
    Ok(())
}

fn respond(answered: Result<Uuid, Refusal>) -> Response<Full<Bytes>> {
    let (status, body) = match answered {
        Ok(id) => (
            StatusCode::OK,
            format!(
                r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>{id}</MessageId></PublishResult></PublishResponse>"#
            ),
        ),
        // No message has a character that XML reserves.
        Err((kind, message)) => (
            StatusCode::BAD_REQUEST,
            format!(
                r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>{kind}</Code><Message>{message}</Message></Error></ErrorResponse>"#
            ),
        ),
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}
