//! `cargo dev` as a person uses it, on the real functions: it serves, and ends without a trace.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use client::Client;
use http::{Method, Request};
use http_body_util::Full;
use local_cloud::postgres::{Options, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::NoTls;

struct Dev {
    process: Child,
    url: String,
    data: PathBuf,
    _folder: Option<TempDir>,
}

impl Dev {
    fn start() -> Self {
        let folder = open_folder();
        let data = folder.path().join("dev");
        let mut dev = Self::start_on(&data, &[]);
        dev._folder = Some(folder);
        dev
    }

    fn start_on(data: &Path, environment: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        command
            .args(["--port", &port.to_string(), "--data"])
            .arg(data);
        for name in [
            "DATABASE_URL",
            "SUPABASE_URL",
            "S3_ENDPOINT",
            "REQUIRE_AAL2",
        ] {
            command.env_remove(name);
        }
        command.envs(environment.iter().copied());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let ready = "Caretrail is ready at ";
        let line = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find(|line| line.starts_with(ready))
            .expect("it becomes ready");
        let url = line.trim_start_matches(ready).to_owned();
        assert_eq!(url, format!("http://127.0.0.1:{port}"));
        Self {
            process,
            url,
            data: data.to_owned(),
            _folder: None,
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(&self.data, arguments)
    }

    fn token(&self, role: &str) -> String {
        let answer = self.run(&["token", "--role", role]);
        assert!(
            answer.status.success(),
            "{}",
            String::from_utf8_lossy(&answer.stderr)
        );
        String::from_utf8(answer.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    async fn get(&self, role: &str, path: &str) -> (u16, Value) {
        let client = Client::new(&self.url).with_token(self.token(role));
        let answer = client.send(Method::GET, path, None).await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_slice(answer.body()).unwrap(),
        )
    }

    fn end(mut self, signal: &str) -> (bool, BTreeSet<u32>) {
        let family = descendants(self.process.id());
        assert!(family.len() > 3, "a database and functions run: {family:?}");
        Command::new("kill")
            .args(["-s", signal, &self.process.id().to_string()])
            .status()
            .unwrap();
        (self.process.wait().unwrap().success(), family)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Of a test that failed; otherwise it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A temporary folder that PostgreSQL's account gets into.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dev"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

/// Processes below `process`, from `ps`: on every system.
fn descendants(process: u32) -> BTreeSet<u32> {
    let table = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid="])
        .output()
        .unwrap()
        .stdout;
    let pairs: Vec<(u32, u32)> = String::from_utf8(table)
        .unwrap()
        .lines()
        .filter_map(|line| {
            let mut numbers = line
                .split_whitespace()
                .map(|number| number.parse().unwrap());
            Some((numbers.next()?, numbers.next()?))
        })
        .collect();
    let mut found = BTreeSet::from([process]);
    while let Some((child, _)) = pairs
        .iter()
        .find(|(child, parent)| found.contains(parent) && !found.contains(child))
    {
        found.insert(*child);
    }
    found.remove(&process);
    found
}

fn lives(process: u32) -> bool {
    let status = Command::new("ps")
        .args(["-o", "stat=", "-p", &process.to_string()])
        .output()
        .unwrap()
        .stdout;
    !status.trim_ascii().is_empty() && !status.starts_with(b"Z")
}

fn wait_until_gone(family: &BTreeSet<u32>) {
    let started = Instant::now();
    while family.iter().any(|process| lives(*process)) {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "still alive of {family:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn it_serves_demo_users_keeps_their_data_and_ends_on_ctrl_c() {
    let folder = open_folder();
    let data = folder.path().join("dev");
    let dev = Dev::start_on(&data, &[]);
    let (status, patient) = dev.get("patient", "/v1/me").await;
    assert_eq!(
        (status, &patient["role"], &patient["first_name"]),
        (200, &json!("PATIENT"), &json!("Demo"))
    );
    let (_, officer) = dev.get("compliance_officer", "/v1/me").await;
    assert_eq!(officer["role"], "COMPLIANCE_OFFICER");
    let (status, chart) = dev
        .get(
            "provider",
            &format!("/v1/patients/{}", patient["patient_id"].as_str().unwrap()),
        )
        .await;
    assert_eq!((status, &chart["last_name"]), (200, &json!("Patient")));

    let refused = dev.run(&["reset"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a cloud runs on"));
    let another = dev.run(&["token", "--role", "nurse"]);
    assert!(!another.status.success() && another.stdout.is_empty());

    let (clean, family) = dev.end("INT");
    assert!(clean);
    assert!(
        family.iter().all(|process| !lives(*process)),
        "all had ended when it did"
    );

    let again = Dev::start_on(&data, &[]);
    assert_eq!(
        again.get("patient", "/v1/me").await.1["patient_id"],
        patient["patient_id"]
    );
    again.end("TERM");
    assert!(run(&data, &["reset"]).status.success());
    assert!(!data.exists());
}

#[tokio::test]
async fn killed_it_takes_everything_along() {
    let dev = Dev::start();
    let (_, family) = dev.end("KILL");
    wait_until_gone(&family);
}

#[tokio::test]
async fn one_function_runs_on_an_event_from_a_file() {
    let dev = Dev::start();
    let event = dev.data.join("event.json");
    let request = json!({
        "version": "2.0", "routeKey": "GET /health", "rawPath": "/health", "rawQueryString": "", "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/health"}, "stage": "$default"},
        "isBase64Encoded": false,
    });
    fs::write(&event, request.to_string()).unwrap();
    let answer = dev.run(&["invoke", "health", "--event", event.to_str().unwrap()]);
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer["statusCode"], 200);
    dev.end("INT");
}

#[tokio::test]
async fn data_of_other_migration_files_is_refused_until_it_is_reset() {
    let folder = open_folder();
    let data = folder.path().join("dev");
    let server = Server::start(Options {
        data: Some(data.join("postgres")),
        ..Options::default()
    })
    .await
    .unwrap();
    server.create_database("caretrail", None).await.unwrap();
    let url = server.superuser_url("caretrail");
    migrations::run(&url, None).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client
        .execute(
            "update schema_history set checksum = '1' where version = 4",
            &[],
        )
        .await
        .unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    server.stop().await;

    let refused = run(&data, &["up", "--port", "0"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        said.contains("other migration files") && said.contains("`cargo dev reset`"),
        "{said}"
    );
    assert!(run(&data, &["reset"]).status.success());
    Dev::start_on(&data, &[]).end("INT");
}

#[tokio::test]
async fn a_database_of_ones_own_is_migrated_and_used() {
    let server = Server::start(Options::default()).await.unwrap();
    server.create_database("own", None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start_on(
        &folder.path().join("dev"),
        &[("DATABASE_URL", &server.superuser_url("own"))],
    );
    assert_eq!(dev.get("patient", "/v1/me").await.0, 200);
    assert!(!dev.data.join("postgres").exists());
    let health = Request::get(format!("{}/health", dev.url))
        .body(Full::default())
        .unwrap();
    assert_eq!(
        Client::new(&dev.url)
            .send_request(health)
            .await
            .unwrap()
            .status(),
        200
    );
    dev.end("INT");
}
