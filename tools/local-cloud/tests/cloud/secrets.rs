//! Functions fetch their secret from Secrets Manager, with the signature of the credentials that Lambda gives them.

use std::collections::BTreeMap;

use local_cloud::lambda::Failure;
use local_cloud::objects::Credentials;
use local_cloud::secrets::Secrets;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::world::World;

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "someone"),
    ("AWS_SECRET_ACCESS_KEY", "their-secret-key"),
];

/// What the function `secrets` reads: `DATABASE_URL`, `TICKET_KEY` and `CURSOR_KEY`.
async fn read(environment: &[(&str, &str)]) -> Result<Value, Failure> {
    let world = World::with(|settings| {
        settings.ticket_key = "of-the-tickets".into();
        let variables = environment.iter().map(|(name, value)| (name, value));
        let variables = variables.map(|(name, value)| (name.to_string(), value.to_string()));
        settings.environment.extend(variables);
    })
    .await;
    let answer = world.cloud.invoke("secrets", &json!({})).await;
    answer.map_err(|error| error.downcast().unwrap())
}

/// A Secrets Manager for the holder of [`KEYS`].
async fn manager() -> Secrets {
    let secret = BTreeMap::from([("DATABASE_URL".to_owned(), "elsewhere".to_owned())]);
    let [(_, access_key), (_, secret_key)] = KEYS.map(|(name, key)| (name, key.to_owned()));
    let credentials = Credentials {
        access_key,
        secret_key,
    };
    let secrets = BTreeMap::from([("caretrail/jobs".to_owned(), secret)]);
    Secrets::start(secrets, &credentials).await.unwrap()
}

#[tokio::test]
async fn a_function_reads_the_members_of_its_own_secret() {
    let url = "postgres://caretrail_jobs:secret@nowhere/caretrail";
    assert_eq!(
        read(&[]).await.unwrap(),
        json!([url, "of-the-tickets", null])
    );
}

#[tokio::test]
async fn a_variable_that_is_set_wins_over_the_secret() {
    let read = read(&[("CURSOR_KEY", "of-the-environment")]).await.unwrap();
    assert_eq!(read[2], "of-the-environment");
}

#[tokio::test]
async fn a_fetch_is_repeated_twice_when_connections_break() {
    let manager = manager().await;
    for (broken, arrives) in [(2, true), (3, false)] {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = format!("http://{}", socket.local_addr().unwrap());
        let there = manager.url().replace("http://", "");
        let proxy = tokio::spawn(async move {
            for _ in 0..broken {
                drop(socket.accept().await.unwrap());
            }
            let (mut here, _) = socket.accept().await.unwrap();
            let mut there = TcpStream::connect(there).await.unwrap();
            let _ = copy_bidirectional(&mut here, &mut there).await;
        });
        let way = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", way.as_str())];
        let answer = read(&[&KEYS[..], &way].concat()).await;
        assert_eq!(answer.is_ok(), arrives, "{answer:?}");
        proxy.abort();
    }
}

#[tokio::test]
async fn a_request_that_someone_else_signed_is_refused() {
    let manager = manager().await;
    let url = manager.url();
    let way = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url.as_str());
    for stranger in [
        [KEYS[0], ("AWS_SECRET_ACCESS_KEY", "another-secret-key")],
        [("AWS_ACCESS_KEY_ID", "somebody-else"), KEYS[1]],
    ] {
        let failure = read(&[&stranger[..], &[way]].concat()).await.unwrap_err();
        assert!(
            failure.to_string().contains("InvalidSignatureException"),
            "{failure}"
        );
    }
    let holder = read(&[&KEYS[..], &[way]].concat()).await.unwrap();
    assert_eq!(holder, json!(["elsewhere", null, null]));
}
