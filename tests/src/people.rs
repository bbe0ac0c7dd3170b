//! The people who act in the scenarios. All of them are fictional.

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

/// The user agent of the scenarios.
pub const AGENT: &str = "caretrail-scenarios/1.0";

/// A user who sends requests.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user's id.
    pub user: Uuid,
    /// The Supabase `sub`, which differs from the user's id.
    pub subject: Uuid,
    /// The sign-in e-mail.
    pub email: String,
    /// The name of their role in `roles`, or none for a user without a profile.
    pub role: Option<&'static str>,
    /// The access token, or none for a caller who did not sign in.
    pub token: Option<String>,
    pub(crate) client: Client,
}

/// A user who is a patient.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The patient's id, which differs from the user's id.
    pub id: Uuid,
    pub(crate) actor: Actor,
}

/// A user who is a provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The provider's id, which differs from the user's id.
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
            id: actor.subject,
            email: actor.email.clone(),
        }
    }
}

impl Actor {
    /// Returns the same person with another token, or without one.
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

    /// Sends `PATCH path` with a merge patch for this version.
    pub async fn patch(&self, path: &str, version: i64, patch: Value) -> Answer {
        let request = self
            .request(Method::PATCH, path)
            .header(IF_MATCH, format!("\"{version}\""))
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .body(Full::from(patch.to_string()));
        self.send_request(request.unwrap()).await
    }

    /// Sends `DELETE path` for this version.
    pub async fn delete(&self, path: &str, version: i64) -> Answer {
        let request = self
            .request(Method::DELETE, path)
            .header(IF_MATCH, format!("\"{version}\""))
            .body(Full::default());
        self.send_request(request.unwrap()).await
    }

    /// Sends a request with a JSON body, or without one.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        Answer::new(self.client.send(method, path, body.as_ref()).await.unwrap())
    }

    /// Builds a request with the caller's token. The path is relative to the cloud's URL.
    pub fn request(&self, method: Method, path: &str) -> Builder {
        self.client.request(method, path)
    }

    /// Sends a request unchanged.
    pub async fn send_request(&self, request: Request<Full<Bytes>>) -> Answer {
        Answer::new(self.client.send_request(request).await.unwrap())
    }
}
