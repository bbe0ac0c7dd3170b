//! The embedded PostgreSQL: it starts, serves, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::print_stdout,
    reason = "how the held server is told to the test that kills its parent"
)]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use local_cloud::postgres::{Options, Server, Tls};
use tokio_postgres::NoTls;

const HOLD: &str = "CARETRAIL_TEST_HOLDS_A_SERVER";

async fn ask(url: &str, question: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let answer = client.query_one(question, &[]).await.map(|row| row.get(0));
    drop(client);
    let _ = connection.await;
    answer
}

fn process_of(server: &Server) -> u32 {
    let file = fs::read_to_string(server.data.join("data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().trim().parse().unwrap()
}

fn lives(process: u32) -> bool {
    Command::new("kill")
        .args(["-0", &process.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{what}: not within 20 s"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_dropped_server_leaves_neither_process_nor_folder() {
    let server = Server::start(Options::default()).await.unwrap();
    let (process, folder) = (process_of(&server), server.data.clone());
    assert_eq!(
        ask(
            &server.superuser_url("postgres"),
            "select current_user::text"
        )
        .await
        .unwrap(),
        "postgres"
    );
    assert!(lives(process));
    drop(server);
    assert!(!lives(process));
    assert!(!folder.exists());
}

#[tokio::test]
async fn databases_are_cloned_from_a_template_and_removed() {
    let server = Server::start(Options::default()).await.unwrap();
    server.create_database("original", None).await.unwrap();
    ask(
        &server.superuser_url("original"),
        "with made as (select 1) select 'ok'",
    )
    .await
    .unwrap();
    let (client, connection) = tokio_postgres::connect(&server.superuser_url("original"), NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    client
        .batch_execute(
            "create extension btree_gist; create table t (a text); insert into t values ('x')",
        )
        .await
        .unwrap();
    drop(client);
    connection.await.unwrap().unwrap();

    server
        .create_database("copy", Some("original"))
        .await
        .unwrap();
    assert_eq!(
        ask(&server.superuser_url("copy"), "select a from t")
            .await
            .unwrap(),
        "x"
    );
    server.drop_database("copy").await.unwrap();
    assert!(!server.has_database("copy").await.unwrap());
    assert!(server.has_database("original").await.unwrap());
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let server = Server::start(Options::default()).await.unwrap();
    let error = ask(&server.url("postgres", "wrong", "postgres"), "select 'in'")
        .await
        .unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("28P01"));
}

#[tokio::test]
async fn kept_data_is_adopted_with_its_password_also_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    // The account PostgreSQL runs as must get to it.
    fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let options = Options {
        data: Some(folder.path().join("postgres")),
        ..Options::default()
    };
    let first = Server::start(options.clone()).await.unwrap();
    first.create_database("kept", None).await.unwrap();
    let (url, data) = (first.superuser_url("kept"), first.data.clone());
    first.stop().await;

    // A process number that another program has by now.
    let stale = format!(
        "{}\n{}\n0\n0\n\n127.0.0.1\n",
        std::process::id(),
        data.join("data").display()
    );
    fs::write(data.join("data/postmaster.pid"), stale).unwrap();
    let second = Server::start(options).await.unwrap();
    assert_eq!(
        url.split('@').next(),
        second.superuser_url("kept").split('@').next()
    );
    assert_eq!(
        ask(&second.superuser_url("kept"), "select 'still here'")
            .await
            .unwrap(),
        "still here"
    );
}

#[tokio::test]
async fn tls_is_required_of_every_role_but_the_superuser() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificate: folder.path().join("c.pem"),
        key: folder.path().join("k.pem"),
    };
    fs::write(&tls.certificate, made.cert.pem()).unwrap();
    fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    let server = Server::start(Options {
        tls: Some(tls),
        ..Options::default()
    })
    .await
    .unwrap();
    let on = ask(
        &server.superuser_url("postgres"),
        "with made as (select 1) select current_setting('ssl')",
    )
    .await
    .unwrap();
    assert_eq!(on, "on");
    let (client, connection) = tokio_postgres::connect(&server.superuser_url("postgres"), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("create role someone login password 'pw'")
        .await
        .unwrap();
    let error = ask(&server.url("someone", "pw", "postgres"), "select 'in'")
        .await
        .unwrap_err();
    assert!(format!("{error:?}").contains("no encryption"), "{error:?}");
}

/// Not a test of its own: the parent in the next one, run as a process that can be killed.
#[tokio::test]
async fn holds_a_server_when_asked_to() {
    if env::var_os(HOLD).is_none() {
        return;
    }
    let server = Server::start(Options::default()).await.unwrap();
    println!("\nserver {} {}", process_of(&server), server.data.display());
    std::future::pending::<()>().await;
}

#[test]
fn a_killed_parent_leaves_neither_process_nor_folder() {
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["holds_a_server_when_asked_to", "--exact", "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find(|line| line.starts_with("server "))
        .unwrap();
    let mut words = said.split(' ').skip(1);
    let process = words.next().unwrap().parse().unwrap();
    let folder = Path::new(words.next().unwrap());
    assert!(lives(process) && folder.exists());

    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the server ends", || !lives(process));
    wait_until("its folder is removed", || !folder.exists());
}
