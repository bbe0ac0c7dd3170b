//! AWS Secrets Manager: its call `GetSecretValue`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::aws_json::{self, Refusal};
use crate::listener::Listener;
use crate::objects::Credentials;

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
        let listener = aws_json::serve(credentials, move |call, input| {
            answer(&secrets, call, input)
        });
        let listener = listener.await.context("no port for Secrets Manager")?;
        Ok(Self { listener })
    }

    /// The endpoint's URL, a function's `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }
}

fn answer(secrets: &Values, call: &str, input: &Value) -> Result<Value, Refusal> {
    if call != "secretsmanager.GetSecretValue" {
        let message = "The only call is GetSecretValue.";
        return Err(("UnknownOperationException", message.into()));
    }
    let found = input["SecretId"]
        .as_str()
        .and_then(|id| secrets.get_key_value(id));
    match found {
        Some((name, secret)) => {
            Ok(json!({"Name": name, "SecretString": json!(secret).to_string()}))
        }
        None => Err((
            "ResourceNotFoundException",
            "There is no secret with this name.".into(),
        )),
    }
}
