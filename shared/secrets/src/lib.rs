//! Reads the secrets of a function when it starts: from its environment, or from AWS Secrets Manager.
//!
//! A secret is a JSON object whose members have the names of environment variables. A variable that is set wins, so
//! that a function also runs without Secrets Manager.
#![warn(missing_docs)]

mod manager;

use std::collections::BTreeMap;
use std::time::Duration;

use settings::Misconfigured;

use crate::manager::{Failure, Manager};

/// The pauses before the fetch is repeated.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];

/// The secrets of a function.
pub struct Secrets {
    fetched: BTreeMap<String, String>,
}

impl Secrets {
    /// Fetches the secret that `SECRET_ID` names, an ARN or a name. Without this variable, all secrets are in the
    /// environment.
    ///
    /// The request goes to the URL in `AWS_ENDPOINT_URL_SECRETS_MANAGER`, signed with the credentials that Lambda
    /// sets. Errors: a variable is missing, or three requests failed. The function then doesn't start.
    pub async fn read() -> Result<Self, Failure> {
        let fetched = match settings::optional("SECRET_ID") {
            Some(id) => fetch(&Manager::from_env()?, &id).await?,
            None => BTreeMap::new(),
        };
        Ok(Self { fetched })
    }

    /// The value of a secret, or none if it is absent or empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        let fetched = || self.fetched.get(name).filter(|value| !value.is_empty());
        settings::optional(name).or_else(|| fetched().cloned())
    }

    /// The value of a secret. Errors: it is absent or empty.
    pub fn required(&self, name: &'static str) -> Result<String, Misconfigured> {
        self.optional(name).ok_or(Misconfigured(
            name,
            "expected a value in the environment or in the secret that SECRET_ID names",
        ))
    }
}

async fn fetch(manager: &Manager, id: &str) -> Result<BTreeMap<String, String>, Failure> {
    for pause in PAUSES {
        match manager.fetch(id).await {
            Ok(secret) => return Ok(secret),
            Err(error) => tracing::warn!(error, "the secret could not be fetched"),
        }
        tokio::time::sleep(pause).await;
    }
    manager.fetch(id).await
}
