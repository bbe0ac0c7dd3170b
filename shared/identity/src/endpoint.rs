//! Fetches the keys of the Supabase project.

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

/// How long a fetch may take, including the connection. The caller of a function waits for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest JWKS document that is accepted, in bytes. Supabase's documents have a few hundred.
const LONGEST_DOCUMENT: usize = 64 * 1024;

/// Why a fetch failed. Only the log contains it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The JWKS endpoint of a project.
pub(crate) struct Endpoint {
    uri: Uri,
    connector: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

impl Endpoint {
    /// The endpoint at `url`. Its certificate must be signed by a public root authority.
    pub(crate) fn new(url: String) -> Result<Endpoint, SettingsError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            // This can't fail, because this provider supports all default protocol versions.
            .map_err(|_| SettingsError::NotAUrl)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Endpoint {
            uri: url.parse().map_err(|_| SettingsError::NotAUrl)?,
            connector,
            timeout: FETCH_TIMEOUT,
        })
    }

    /// Fetches the keys once. Errors: the answer is not a well-formed document with status 200.
    pub(crate) async fn fetch(&self) -> Result<KeySet, Failure> {
        tokio::time::timeout(self.timeout, self.get()).await?
    }

    async fn get(&self) -> Result<KeySet, Failure> {
        // Each fetch opens a connection. Minutes pass between two fetches, and the connections of a
        // frozen instance are closed when it resumes.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build::<_, Empty<Bytes>>(self.connector.clone());
        let request = Request::get(self.uri.clone())
            .header(ACCEPT, "application/json")
            .body(Empty::new())?;
        let response = client.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("expected status 200, got {}", response.status()).into());
        }
        let body = Limited::new(response.into_body(), LONGEST_DOCUMENT)
            .collect()
            .await?;
        Ok(KeySet::parse(&body.to_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Arc;

    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}";

    fn certificate(name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        (made.cert.into(), key.into())
    }

    /// Answers one request over TLS, if the client accepts the certificate.
    fn serve(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> SocketAddr {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            let connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            // This fails if the client refuses the certificate, as some tests expect.
            if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
                stream.write_all(ANSWER).unwrap();
                stream.flush().unwrap();
            }
        });
        address
    }

    fn provider() -> Arc<rustls::crypto::CryptoProvider> {
        Arc::new(rustls::crypto::aws_lc_rs::default_provider())
    }

    fn trusting(url: String, root: CertificateDer<'static>) -> Endpoint {
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        Endpoint {
            connector,
            ..Endpoint::new(url).unwrap()
        }
    }

    #[tokio::test]
    async fn keys_are_fetched_over_tls_from_a_host_with_a_valid_certificate() {
        let (certificate, key) = certificate("localhost");
        let port = serve(certificate.clone(), key).port();
        let endpoint = trusting(format!("https://localhost:{port}/"), certificate);
        assert!(endpoint.fetch().await.is_ok());
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_is_a_failure() {
        let (certificate, key) = certificate("other.example.org");
        let port = serve(certificate.clone(), key).port();
        let endpoint = trusting(format!("https://localhost:{port}/"), certificate);
        let failure = endpoint.fetch().await.err().unwrap();
        assert!(
            format!("{failure:?}").contains("NotValidForName"),
            "{failure:?}"
        );
    }

    #[tokio::test]
    async fn a_certificate_that_no_root_of_the_web_signed_is_a_failure() {
        let (certificate, key) = certificate("localhost");
        let port = serve(certificate, key).port();
        let endpoint = Endpoint::new(format!("https://localhost:{port}/")).unwrap();
        let failure = endpoint.fetch().await.err().unwrap();
        let failure = format!("{failure:?}");
        assert!(
            failure.contains("UnknownIssuer") || failure.contains("CaUsedAsEndEntity"),
            "{failure}"
        );
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_a_failure_after_the_timeout() {
        // The kernel accepts the connection, and nothing reads or answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let timeout = Duration::from_millis(20);
        let endpoint = Endpoint {
            timeout,
            ..Endpoint::new(url).unwrap()
        };
        let failure = endpoint.fetch().await.err().unwrap();
        assert!(failure.is::<tokio::time::error::Elapsed>(), "{failure:?}");
    }
}
