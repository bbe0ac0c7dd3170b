//! Who acts in a scenario. All of them are fictional.

use std::ops::Deref;

use bytes::Bytes;
use client::Client;
use client::Person;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::request::Builder;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use uuid::Uuid;

use crate::answer::Answer;

/// What the scenarios call themselves.
pub const AGENT: &str = "caretrail-scenarios/1.0";

/// Somebody who sends requests.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The Supabase `sub`.
    pub user: Uuid,
    /// The sign-in e-mail.
    pub email: String,
    /// A name in `roles`; none for who has no profile.
    pub role: Option<&'static str>,
    /// The access token; none for who did not sign in.
    pub token: Option<String>,
    pub(crate) client: Client,
}

/// Somebody with a chart.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The patient's id, which is not the user's.
    pub id: Uuid,
    pub(crate) actor: Actor,
}

/// Somebody who treats patients.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The provider's id, which is not the user's.
    pub id: Uuid,
    pub(crate) actor: Actor,
}

impl Deref for Patient {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl Deref for Provider {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl From<&Actor> for Person {
    fn from(actor: &Actor) -> Self {
        Self {
            id: actor.user,
            email: actor.email.clone(),
        }
    }
}

impl Actor {
    /// The same person with another token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self {
            client: self.client.with_token(token.clone()),
            token,
            ..self.clone()
        }
    }

    /// Sends `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Sends `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends `POST path` without a body.
    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }

    /// Sends `PUT path` without a body.
    pub async fn put(&self, path: &str) -> Answer {
        self.send(Method::PUT, path, None).await
    }

    /// Sends `PATCH path` with a merge patch, made from this version.
    pub async fn patch(&self, path: &str, version: i64, patch: Value) -> Answer {
        let request = self
            .request(Method::PATCH, path)
            .header(IF_MATCH, format!("\"{version}\""))
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .body(Full::from(patch.to_string()));
        self.send_request(request.unwrap()).await
    }

    /// Sends `DELETE path`, made from this version.
    pub async fn delete(&self, path: &str, version: i64) -> Answer {
        let request = self
            .request(Method::DELETE, path)
            .header(IF_MATCH, format!("\"{version}\""))
            .body(Full::default());
        self.send_request(request.unwrap()).await
    }

    /// Sends a request with a JSON body, or none.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        Answer::new(self.client.send(method, path, body.as_ref()).await.unwrap())
    }

    /// Begins a request with the caller's token. `path` is below the cloud's URL.
    pub fn request(&self, method: Method, path: &str) -> Builder {
        self.client.request(method, path)
    }

    /// Sends a request as it is.
    pub async fn send_request(&self, request: Request<Full<Bytes>>) -> Answer {
        Answer::new(self.client.send_request(request).await.unwrap())
    }
}
