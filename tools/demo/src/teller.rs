//! Tells the story: sends requests as the people in it and takes no answer but the expected one.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use client::{Person, problem};
use http::{Method, Response};
use import::Known;
use serde_json::Value;
use uuid::Uuid;

use crate::narrator::{Narrator, Step};
use crate::story::Story;
use crate::trace::{Deed, Trace};

/// How far this machine's clock may be ahead of the database's.
const SKEW: TimeDelta = TimeDelta::seconds(60);

/// The story so far.
pub struct Teller<'a> {
    pub story: &'a Story,
    pub narrator: Narrator<'a>,
    /// What the audit log must have.
    pub traces: Vec<Trace>,
    /// When the story began, in the database's time or earlier.
    pub began: DateTime<Utc>,
}

impl<'a> Teller<'a> {
    /// Begins the story and reports each step to `listen`.
    pub fn new(story: &'a Story, listen: &'a mut (dyn FnMut(&Step) + Send)) -> Self {
        Self {
            story,
            narrator: Narrator::new(listen),
            traces: Vec::new(),
            began: Utc::now() - SKEW,
        }
    }

    /// Sends a request and returns its answer and the JSON in it.
    ///
    /// # Errors
    /// The status is not `expected`, or the answer is no JSON.
    pub async fn ask(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<&Value>,
        expected: u16,
    ) -> Result<(Response<Bytes>, Value)> {
        let answer = self.story.api.answer(who, method.clone(), path, body).await;
        let answer = answer.with_context(|| format!("{method} {path}"))?;
        if answer.status() != expected {
            bail!(
                "{method} {path} should have status {expected} but was {}",
                problem(&answer)
            );
        }
        let json = serde_json::from_slice(answer.body())
            .with_context(|| format!("{method} {path}: no JSON"))?;
        Ok((answer, json))
    }

    /// Notes that the audit log must have a row of the last step, which got this answer.
    pub fn trace(
        &mut self,
        answer: &Response<Bytes>,
        who: &Known,
        deed: Deed,
        resource_id: Option<Uuid>,
    ) -> Result<()> {
        let request_id = answer.headers().get("x-request-id");
        let request_id = request_id.context("an answer does not name its request")?;
        self.traces.push(Trace {
            step: self.narrator.last(),
            request_id: Some(request_id.to_str()?.to_owned()),
            user_id: Some(who.user_id),
            role: self.narrator.role(),
            deed,
            resource_id,
            outcome: if answer.status() == 404 {
                "DENIED"
            } else {
                "SUCCESS"
            },
        });
        Ok(())
    }
}

/// The `id` of a resource in an answer.
pub fn id(resource: &Value) -> Result<Uuid> {
    serde_json::from_value(resource["id"].clone()).context("an answer holds no id")
}
