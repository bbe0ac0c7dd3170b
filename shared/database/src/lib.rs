//! Connects to PostgreSQL over verified TLS: a small pool for the functions, a direct connection for
//! migrations.
//!
//! This crate knows URLs, certificates and the pool. It must not know any statement, table, HTTP or
//! Lambda.
#![warn(missing_docs)]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::{Manager, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use errors::Error;
use settings::Misconfigured;
use sql::{Connection, Naming};

/// A suspended Neon compute can start within this time, and the function can still answer 503.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Data that the server's machine doesn't acknowledge for this long ends the connection, and so does a
/// machine that doesn't answer a probe for this long. Without these limits a connection whose other end
/// disappeared is noticed after a quarter of an hour, or never.
const SILENCE: Duration = Duration::from_secs(5);

/// The time between two probes.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// An execution environment answers one request at a time. If the request's connection must be
/// discarded, the second one writes the audit row of the failure.
const CONNECTIONS: usize = 2;

/// The connection pool of a function.
pub struct Database(managed::Pool<Connections>);

/// A connection that returns to the pool when it is dropped.
pub type Object = managed::Object<Connections>;

/// Makes the connections of a pool.
pub struct Connections {
    manager: Manager,
    naming: Arc<Naming>,
}

impl managed::Manager for Connections {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        let client = managed::Manager::create(&self.manager).await?;
        Ok(Connection::new(client, self.naming.clone()))
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<tokio_postgres::Error> {
        match connection.is_closed() {
            true => Err(RecycleError::message("the connection is closed")),
            false => Ok(()),
        }
    }
}

impl Database {
    /// Creates the pool. It connects when it is first used. `ca_file` is a PEM file of root certificates
    /// to trust in addition to the public ones. Statements get names if `are_named`. Errors: the URL or the
    /// file is invalid.
    pub fn new(
        url: &str,
        ca_file: Option<&str>,
        application: &str,
        are_named: bool,
    ) -> Result<Self, Misconfigured> {
        let mut config = parse(url)?;
        config.application_name(application);
        let connections = Connections {
            manager: Manager::new(config, tls(ca_file)?),
            naming: Naming::new(are_named),
        };
        managed::Pool::builder(connections)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CONNECT_TIMEOUT))
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map(Self)
            .map_err(|_| Misconfigured("DATABASE_URL", "can't be used for a connection pool"))
    }

    /// Returns an idle or a new connection. Errors: [`Error::Unavailable`] if the database can't be
    /// reached.
    pub async fn connection(&self) -> Result<Object, Error> {
        self.0.get().await.map_err(|error| {
            tracing::error!(error = %error, "the database can't be reached");
            Error::Unavailable("The database can't be reached. Try again later.")
        })
    }

    /// Makes one round trip, for health checks. Errors: the database can't be reached.
    pub async fn ping(&self) -> Result<(), Error> {
        let connection = self.connection().await?;
        let answered = tokio::time::timeout(CONNECT_TIMEOUT, connection.simple_query("")).await;
        match answered {
            Ok(Ok(_)) => Ok(()),
            failed => {
                // A pooled connection must have no unanswered statement.
                drop(Object::take(connection));
                failed
                    .map_err(|_| Error::LinkLost)?
                    .map_err(Error::from)
                    .map(drop)
            }
        }
    }
}

/// Connects directly, without a pool, for migrations. Errors: the URL or the file is invalid, or
/// PostgreSQL refuses the connection or can't be reached.
pub async fn connect(url: &str, ca_file: Option<&str>) -> Result<Client, ConnectError> {
    let (client, connection) = parse(url)?.connect(tls(ca_file)?).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::error!(error = %error, "the connection to the database broke");
        }
    });
    Ok(client)
}

/// The reason why [`connect`] failed.
#[derive(Debug)]
pub enum ConnectError {
    /// The URL or the certificate file is invalid.
    Misconfigured(Misconfigured),
    /// PostgreSQL refused the connection or can't be reached.
    Refused(tokio_postgres::Error),
}

impl From<Misconfigured> for ConnectError {
    fn from(error: Misconfigured) -> Self {
        Self::Misconfigured(error)
    }
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Refused(error)
    }
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Misconfigured(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Misconfigured(error) => Some(error),
            Self::Refused(error) => Some(error),
        }
    }
}

/// Parses the URL. Certificates are always verified, so libpq's stricter modes are equal to `require`.
/// TLS is required for any host but this machine, whatever the URL says.
fn parse(url: &str) -> Result<Config, Misconfigured> {
    let url = url
        .replace("sslmode=verify-full", "sslmode=require")
        .replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = url
        .parse()
        .map_err(|_| Misconfigured("DATABASE_URL", "expected a PostgreSQL URL"))?;
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        Host::Unix(_) => true,
    });
    if !local && config.get_ssl_mode() != SslMode::Require {
        config.ssl_mode(SslMode::Require);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config
        .keepalives_idle(SILENCE)
        .keepalives_interval(PROBE_INTERVAL)
        .keepalives_retries(2);
    Ok(config)
}

fn tls(ca_file: Option<&str>) -> Result<MakeRustlsConnect, Misconfigured> {
    const CA_FILE: &str = "DATABASE_CA_FILE";
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|_| Misconfigured(CA_FILE, "can't be read"))?
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Misconfigured(CA_FILE, "expected PEM certificates"))?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(Misconfigured(CA_FILE, "contains no certificate"));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Misconfigured(CA_FILE, "no protocol version is available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
