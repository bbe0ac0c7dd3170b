//! Fetches the keys of the Supabase project.

use https::http::header::ACCEPT;
use https::http::{Request, StatusCode, Uri};
use https::{Client, Failure};

use crate::SettingsError;
use crate::keys::KeySet;

/// The JWKS endpoint of a project.
pub(crate) struct Endpoint {
    uri: Uri,
    client: Client,
}

impl Endpoint {
    /// The endpoint at `url`.
    pub(crate) fn new(url: String) -> Result<Endpoint, SettingsError> {
        Ok(Endpoint {
            uri: url.parse().map_err(|_| SettingsError::NotAUrl)?,
            client: Client::new().map_err(|_| SettingsError::NotAUrl)?,
        })
    }

    /// Fetches the keys once. Errors: the answer is not a well-formed document with status 200.
    pub(crate) async fn fetch(&self) -> Result<KeySet, Failure> {
        let request = Request::get(self.uri.clone())
            .header(ACCEPT, "application/json")
            .body(https::body(""))?;
        let answer = self.client.send(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("expected status 200, got {}", answer.status()).into());
        }
        Ok(KeySet::parse(answer.body())?)
    }
}
