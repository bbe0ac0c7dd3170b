//! PostgreSQL over TLS, as Neon serves it: verified root certificates, channel binding, and no
//! unencrypted connection.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use local_cloud::postgres::{Options, Server, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tests::database::{self, PASSWORD, PEOPLE};
use tests::prelude::*;
use tokio::sync::OnceCell;

/// A server with a certificate from an authority that nobody else trusts.
struct Secured {
    server: Server,
    authority: PathBuf,
    another_authority: PathBuf,
    _folder: TempDir,
}

async fn secured() -> &'static Secured {
    static SECURED: OnceCell<Secured> = OnceCell::const_new();
    SECURED
        .get_or_init(|| async {
            let folder = tempfile::tempdir().unwrap();
            let file = |name: &str, content: String| {
                let path = folder.path().join(name);
                fs::write(&path, content).unwrap();
                path
            };
            let authority = || {
                let mut parameters = CertificateParams::default();
                parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
            };
            let ours = authority();
            let key = KeyPair::generate().unwrap();
            let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
            let certificate = CertificateParams::new(names)
                .unwrap()
                .signed_by(&key, &ours)
                .unwrap();
            let server = Server::start(Options {
                tls: Some(Tls {
                    certificate: file("server.crt", certificate.pem()),
                    key: file("server.key", key.serialize_pem()),
                }),
                ..Options::default()
            })
            .await
            .unwrap();
            let url = format!("{}?sslmode=disable", server.superuser_url("postgres"));
            database::prepare(&url).await;
            Secured {
                server,
                authority: file("authority.pem", ours.pem()),
                another_authority: file("another.pem", authority().pem()),
                _folder: folder,
            }
        })
        .await
}

/// Returns the answer of `/health` over this URL, with this authority trusted in addition to the
/// public ones.
async fn health(url: String, authority: Option<&PathBuf>) -> Answer {
    let mut environment = BTreeMap::new();
    if let Some(file) = authority {
        environment.insert("DATABASE_CA_FILE".to_owned(), file.display().to_string());
    }
    let world = World::with(Setup {
        database_url: Some(url),
        environment,
        ..Setup::default()
    })
    .await;
    world.anybody().get("/health").await
}

fn url(server: &Server, options: &str) -> String {
    format!("{}?{options}", server.url(PEOPLE, PASSWORD, "postgres"))
}

#[tokio::test]
async fn a_verified_server_is_used_with_channel_binding() {
    let secured = secured().await;
    for options in [
        "sslmode=require&channel_binding=require",
        "sslmode=verify-full&channel_binding=require",
        "sslmode=require",
    ] {
        let answer = health(url(&secured.server, options), Some(&secured.authority)).await;
        assert_eq!(answer.status, 200, "{options}: {}", answer.text);
    }
    let by_name = url(&secured.server, "sslmode=require").replace("127.0.0.1", "localhost");
    let answer = health(by_name, Some(&secured.authority)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_refused() {
    let secured = secured().await;
    for authority in [None, Some(&secured.another_authority)] {
        for options in ["sslmode=require", "sslmode=require&channel_binding=require"] {
            health(url(&secured.server, options), authority)
                .await
                .problem(503, "unavailable");
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    let plain = tests::database::server().await;
    let secured = secured().await;
    for options in ["sslmode=require", "sslmode=verify-full"] {
        health(url(plain, options), Some(&secured.authority))
            .await
            .problem(503, "unavailable");
    }
    let answer = health(url(plain, "sslmode=disable"), None).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn migrations_verify_the_server_too() {
    let secured = secured().await;
    // pg_hba.conf has no entry for unencrypted connections, so only TLS connects.
    let url = url(&secured.server, "sslmode=require&channel_binding=require");
    let trusted = secured.authority.display().to_string();
    let unknown = secured.another_authority.display().to_string();
    for (authority, accepted) in [
        (Some(&trusted), true),
        (Some(&unknown), false),
        (None, false),
    ] {
        let connected = ::database::connect(&url, authority.map(String::as_str)).await;
        assert_eq!(connected.is_ok(), accepted, "{authority:?}");
    }
}

#[tokio::test]
async fn an_unreadable_authority_file_stops_the_start() {
    let secured = secured().await;
    let missing = PathBuf::from("/nowhere/authority.pem");
    let answer = health(url(&secured.server, "sslmode=require"), Some(&missing)).await;
    // The function's process ended, which API Gateway reports as 502.
    assert_eq!(answer.status, 502, "{}", answer.text);
}
