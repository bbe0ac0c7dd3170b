//! The one call of AWS Secrets Manager that functions need.

use std::collections::BTreeMap;

use aws::Service;
use serde::Deserialize;

/// Why a secret could not be fetched. It contains nothing of the secret.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Manager(Service);

/// The answer to `GetSecretValue`.
#[derive(Deserialize)]
struct SecretValue {
    #[serde(rename = "SecretString")]
    secret_string: String,
}

impl Manager {
    pub(crate) fn from_env() -> Result<Self, Failure> {
        let service = Service::from_env("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER")?;
        Ok(Self(service))
    }

    /// Sends [`GetSecretValue`](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html)
    /// and returns the members of the current value.
    pub(crate) async fn fetch(&self, id: &str) -> Result<BTreeMap<String, String>, Failure> {
        let question = BTreeMap::from([("SecretId", id)]);
        let answer = self.0.call("secretsmanager.GetSecretValue", &question);
        let value: SecretValue = answer.await?;
        let secret = serde_json::from_str(&value.secret_string);
        secret.map_err(|_| "the secret is not a JSON object of texts".into())
    }
}
