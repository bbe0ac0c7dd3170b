//! Sends the few HTTPS requests for which functions need no client of a service: they fetch the keys of the Supabase
//! project, and their secret from AWS Secrets Manager. [`Guarded`] sends requests to URLs that users give.
#![warn(missing_docs)]

mod guarded;

use std::time::Duration;

pub use bytes::Bytes;
pub use guarded::{Forbidden, Guard, Guarded, GuardedClient};
use http_body_util::{BodyExt, Full, Limited};
pub use hyper::http;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How long a request may take, including the connection. The caller of a function waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The longest answer that is accepted, in bytes. A secret of AWS Secrets Manager has 64 KiB at most, and JSON
/// escapes parts of it. A key set has a few hundred bytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// How long a request with a large answer may take.
const LONG_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer of [`Client::for_large_answers`], in bytes. A page of CloudWatch Logs has 1 MB of text at most,
/// and JSON escapes parts of it.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// The reason why a request got no answer. It contains nothing of request or answer.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A client that opens a connection for each request.
#[derive(Clone)]
pub struct Client {
    connector: HttpsConnector<HttpConnector>,
    timeout: Duration,
    longest_answer: usize,
}

impl Client {
    /// Makes a client. A server's certificate must be signed by a public root authority. Errors: never with the TLS
    /// library that is compiled in.
    pub fn new() -> Result<Self, Failure> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            connector,
            timeout: TIMEOUT,
            longest_answer: LONGEST_ANSWER,
        })
    }

    /// Makes a client for work that nobody waits for: an answer may take 20 seconds and have 4 MiB. Errors: as for
    /// [`new`](Self::new).
    pub fn for_large_answers() -> Result<Self, Failure> {
        Ok(Self {
            timeout: LONG_TIMEOUT,
            longest_answer: LARGEST_ANSWER,
            ..Self::new()?
        })
    }

    /// Sends a request to an absolute URL and returns the whole answer, whatever its status. Errors: there is no
    /// complete answer in time, by default within three seconds, or it is too long, by default longer than 256 KiB.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        tokio::time::timeout(self.timeout, self.exchange(request)).await?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        // Minutes pass between two requests, and the connections of a frozen instance are closed when it resumes.
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build::<_, Full<Bytes>>(self.connector.clone());
        let (head, body) = client.request(request).await?.into_parts();
        let body = Limited::new(body, self.longest_answer).collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// A body that is known at once.
pub fn body(bytes: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Arc;

    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

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

    async fn get(client: Client, url: String) -> Result<Response<Bytes>, Failure> {
        client.send(Request::get(url).body(body("")).unwrap()).await
    }

    fn trusting(root: CertificateDer<'static>) -> Client {
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
        Client {
            connector,
            ..Client::new().unwrap()
        }
    }

    #[tokio::test]
    async fn a_host_with_a_valid_certificate_answers_over_tls() {
        let (certificate, key) = certificate("localhost");
        let port = serve(certificate.clone(), key).port();
        let answer = get(trusting(certificate), format!("https://localhost:{port}/")).await;
        assert_eq!(answer.unwrap().into_body(), "{}");
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_is_a_failure() {
        let (certificate, key) = certificate("other.example.org");
        let port = serve(certificate.clone(), key).port();
        let answer = get(trusting(certificate), format!("https://localhost:{port}/")).await;
        let failure = answer.err().unwrap();
        assert!(
            format!("{failure:?}").contains("NotValidForName"),
            "{failure:?}"
        );
    }

    #[tokio::test]
    async fn a_certificate_that_no_root_of_the_web_signed_is_a_failure() {
        let (certificate, key) = certificate("localhost");
        let port = serve(certificate, key).port();
        let answer = get(Client::new().unwrap(), format!("https://localhost:{port}/")).await;
        let failure = answer.err().unwrap();
        let failure = format!("{failure:?}");
        assert!(
            failure.contains("UnknownIssuer") || failure.contains("CaUsedAsEndEntity"),
            "{failure}"
        );
    }

    /// Admits these addresses.
    #[derive(Clone)]
    struct Only(&'static [&'static str]);

    impl Guard for Only {
        fn admits(&self, address: std::net::IpAddr, _is_encrypted: bool) -> bool {
            self.0.contains(&&*address.to_string())
        }
    }

    async fn post(guard: Only, url: String) -> Result<hyper::http::response::Parts, Failure> {
        let client = Guarded::by(guard)?.client();
        let request = Request::post(url).body(body("{}"))?;
        client.send(request, Duration::from_millis(500)).await
    }

    #[tokio::test]
    async fn a_guarded_client_accepts_no_certificate_that_no_root_of_the_web_signed() {
        let (certificate, key) = certificate("localhost");
        let port = serve(certificate, key).port();
        let answer = post(Only(&["127.0.0.1"]), format!("https://localhost:{port}/"));
        let failure = format!("{:?}", answer.await.err().unwrap());
        assert!(
            failure.contains("UnknownIssuer") || failure.contains("CaUsedAsEndEntity"),
            "{failure}"
        );
    }

    #[tokio::test]
    async fn a_guarded_client_connects_to_no_address_that_is_not_admitted_whatever_the_host_is_called()
     {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        for url in [
            "http://127.0.0.1",
            "https://127.0.0.1",
            "http://localhost",
            "https://localhost",
            "http://[::ffff:127.0.0.1]",
            // Resolvers take these for addresses. With TLS they are no names.
            "http://127.1",
            "http://2130706433",
        ] {
            let answer = post(Only(&[]), format!("{url}:{port}/"));
            let failure = answer.await.err().unwrap();
            assert!(Forbidden::is_cause_of(&failure), "{url}: {failure:?}");
        }
        assert!(listener.accept().is_err(), "nobody connected");
    }

    #[tokio::test]
    async fn a_guarded_client_waits_for_an_answer_until_its_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let failure = post(Only(&["127.0.0.1"]), url).await.err().unwrap();
        assert!(failure.is::<tokio::time::error::Elapsed>(), "{failure:?}");
        assert!(!Forbidden::is_cause_of(&failure));
    }

    #[tokio::test]
    async fn a_host_that_does_not_answer_is_a_failure_after_the_timeout() {
        // The kernel accepts the connection, and nothing reads or answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let timeout = Duration::from_millis(20);
        let client = Client {
            timeout,
            ..Client::new().unwrap()
        };
        let failure = get(client, url).await.err().unwrap();
        assert!(failure.is::<tokio::time::error::Elapsed>(), "{failure:?}");
    }
}
