//! Fetches the project's keys.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::ACCEPT;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::SettingsError;
use crate::keys::KeySet;

/// How long a fetch may take, connecting included. The caller of a function is waiting.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest JWKS document read, in bytes; Supabase's have some hundred.
const LONGEST_DOCUMENT: usize = 64 * 1024;

/// Why a fetch failed, for the log.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The JWKS endpoint of a project.
pub(crate) struct Endpoint {
    uri: Uri,
    connector: HttpsConnector<HttpConnector>,
}

impl Endpoint {
    /// The endpoint at `url`, trusted when it proves its name to the web's roots.
    pub(crate) fn new(url: String) -> Result<Endpoint, SettingsError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            // Cannot happen with this provider, which has every default protocol version.
            .map_err(|_| SettingsError::NotAUrl)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Endpoint {
            uri: url.parse().map_err(|_| SettingsError::NotAUrl)?,
            connector,
        })
    }

    /// Fetches the keys once. Anything but a well-formed document with status 200 is a failure.
    pub(crate) async fn fetch(&self) -> Result<KeySet, Failure> {
        tokio::time::timeout(FETCH_TIMEOUT, self.get()).await?
    }

    async fn get(&self) -> Result<KeySet, Failure> {
        // A connection per fetch: minutes lie between two, and a frozen instance wakes up with
        // its connections dead.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build::<_, Empty<Bytes>>(self.connector.clone());
        let request = Request::get(self.uri.clone())
            .header(ACCEPT, "application/json")
            .body(Empty::new())?;
        let response = client.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the endpoint answered {}", response.status()).into());
        }
        let body = Limited::new(response.into_body(), LONGEST_DOCUMENT)
            .collect()
            .await?;
        Ok(KeySet::parse(&body.to_bytes())?)
    }
}
