//! `cargo dev` as a person uses it, on the real functions: it serves, and ends without a trace.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
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
    said: PathBuf,
    printed: String,
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
        let port = free_port();
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
        let said = data.with_extension("stderr");
        let file = File::options().create(true).append(true).open(&said);
        command.stderr(file.unwrap());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let ready = "Caretrail is ready at ";
        let mut printed = Vec::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            printed.push(line.unwrap());
            if printed.last().is_some_and(|line| line.starts_with(ready)) {
                break;
            }
        }
        let last = printed.last().expect("it becomes ready");
        let url = last.trim_start_matches(ready).to_owned();
        assert_eq!(url, format!("http://127.0.0.1:{port}"));
        Self {
            process,
            url,
            data: data.to_owned(),
            said,
            printed: printed.join("\n"),
            _folder: None,
        }
    }

    /// What it has written to its standard error.
    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// Waits until it has written this to its standard error.
    fn wait_until_said(&self, text: &str) {
        let started = Instant::now();
        while !self.said().contains(text) {
            assert!(
                started.elapsed() < Duration::from_secs(40),
                "{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the PostgreSQL server that it started, by its process id.
    fn kill_postgres(&self) {
        let file = self.data.join("postgres/data/postmaster.pid");
        let process = fs::read_to_string(file).unwrap();
        let process = process.lines().next().unwrap().trim();
        assert!(descendants(self.process.id()).contains(&process.parse().unwrap()));
        let killed = Command::new("kill").args(["-s", "KILL", process]).status();
        assert!(killed.unwrap().success());
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

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
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
async fn an_import_needs_nothing_but_a_url_and_an_importers_token() {
    let dev = Dev::start();
    let folder = local_cloud::workspace::root().join("data/synthea-r4");
    let mut bundles: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    bundles.sort_by_key(|bundle| fs::metadata(bundle).unwrap().len());
    let bundle = bundles[1].to_str().unwrap().to_owned();
    let token = dev.data.with_extension("token");
    fs::write(&token, format!("{}\n", dev.token("importer"))).unwrap();
    // The command finds no cloud and no issuer in another data folder.
    let import = |arguments: &[&str], variable: Option<String>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        command.args(["import", "--data", "/nonexistent", &bundle]);
        command.args(arguments).env_remove("CARETRAIL_TOKEN");
        command.envs(variable.map(|token| ("CARETRAIL_TOKEN", token)));
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(said).unwrap_or_default(),
        )
    };
    let (done, said) = import(
        &["--url", &dev.url, "--token-file", token.to_str().unwrap()],
        None,
    );
    assert!(done && said.contains(" 0 failed"), "{said}");
    let (done, said) = import(&["--url", &dev.url], Some(dev.token("importer")));
    assert!(done && said.contains("0 created, 0 updated"), "{said}");

    for (arguments, variable, expected) in [
        (vec!["--url", &dev.url], None, "CARETRAIL_TOKEN"),
        (
            vec!["--url", &dev.url],
            Some("zebrafish".to_owned()),
            "401 not-authenticated",
        ),
        (
            vec!["--url", &dev.url],
            Some(dev.token("admin")),
            "isn't that of an importer",
        ),
        (
            vec!["--url", "http://api.example.org"],
            Some("x".to_owned()),
            "https://",
        ),
    ] {
        let (done, said) = import(&arguments, variable);
        assert!(!done && said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("zebrafish"), "{said}");
    }
    assert!(dev.end("INT").0);
}

#[tokio::test]
async fn killed_it_takes_everything_along() {
    let dev = Dev::start();
    let (_, family) = dev.end("KILL");
    wait_until_gone(&family);
}

#[tokio::test]
async fn postgresql_that_is_killed_starts_again_and_requests_succeed() {
    // Given a cloud that serves a patient.
    let dev = Dev::start();
    let (_, patient) = dev.get("patient", "/v1/me").await;
    for _ in 0..2 {
        // When its PostgreSQL is killed.
        let before = dev.said().len();
        dev.kill_postgres();
        dev.wait_until_said("PostgreSQL has ended (");
        let started = Instant::now();
        while !dev.said()[before..].contains("PostgreSQL serves again on port ") {
            assert!(
                started.elapsed() < Duration::from_secs(40),
                "{}",
                dev.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        // Then requests succeed again, on the same data.
        for _ in 0..3 {
            let (status, again) = dev.get("patient", "/v1/me").await;
            assert_eq!((status, &again["id"]), (200, &patient["id"]));
        }
    }
    let (clean, family) = dev.end("INT");
    assert!(clean);
    wait_until_gone(&family);
}

#[tokio::test]
async fn postgresql_that_cannot_start_again_ends_it_with_status_1() {
    // Given a cloud whose data can't be opened any more.
    let mut dev = Dev::start();
    let family = descendants(dev.process.id());
    let data = dev.data.join("postgres/data");
    fs::rename(data.join("global"), data.join("elsewhere")).unwrap();
    // When its PostgreSQL is killed.
    dev.kill_postgres();
    // Then it says what is wrong, and ends with everything that it started.
    let status = dev.process.wait().unwrap();
    assert_eq!(status.code(), Some(1), "{}", dev.said());
    let said = dev.said();
    assert!(
        said.contains("error: PostgreSQL has ended and can't be started again"),
        "{said}"
    );
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
async fn an_event_is_sent_with_the_token_of_a_role_or_with_any_token() {
    let dev = Dev::start();
    let status = |arguments: &[&str]| {
        let answer = dev.run(&[&["invoke", "list-roles"], arguments].concat());
        let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
        answer["statusCode"].as_u64().unwrap()
    };
    // The events in the project have no token.
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&["--role", "admin"]), 200);
    assert_eq!(status(&["--role", "patient"]), 403);
    assert_eq!(status(&["--token", &dev.token("admin")]), 200);
    assert_eq!(status(&["--token", "zebrafish"]), 401);

    let event = dev.run(&["event", "get-me", "--token", "zebrafish"]);
    let event: Value = serde_json::from_slice(&event.stdout).unwrap();
    assert_eq!(event["headers"]["authorization"], "Bearer zebrafish");
    assert_eq!(event["rawPath"], "/v1/me");

    for (arguments, expected) in [
        (
            ["event", "process-upload", "--role", "admin"],
            "is no HTTP request, so it takes no token",
        ),
        (
            ["event", "get-me", "--role", "nurse"],
            "there is no demo user with role nurse",
        ),
        (
            ["event", "zebrafish", "--role", "admin"],
            "events/zebrafish.json can't be read",
        ),
    ] {
        let refused = dev.run(&arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && refused.stdout.is_empty());
        assert!(said.contains(expected), "{said}");
    }
    // An S3 event of an object that is no file does nothing, and says so.
    let report = dev.run(&["invoke", "process-upload"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report, json!({"steps": []}));
    dev.end("INT");
}

/// `cargo dev events` beside a cloud.
struct Following {
    process: Child,
    printed: BufReader<ChildStdout>,
    said: BufReader<ChildStderr>,
}

impl Following {
    /// Starts the command and waits until it follows.
    fn start(dev: &Dev, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        command.arg("events").args(arguments).arg("--data");
        command.arg(&dev.data);
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut following = Self {
            printed: BufReader::new(process.stdout.take().unwrap()),
            said: BufReader::new(process.stderr.take().unwrap()),
            process,
        };
        let mut said = String::new();
        following.said.read_line(&mut said).unwrap();
        assert!(said.starts_with("Following the business events"), "{said}");
        following
    }

    /// The next line. Waits for it.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).unwrap();
        line
    }

    /// Sends Ctrl-C. Returns what it prints until it ends.
    fn end(mut self) -> String {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", "INT", &process]).status();
        assert!(sent.unwrap().success());
        let mut rest = String::new();
        self.printed.read_to_string(&mut rest).unwrap();
        assert!(self.process.wait().unwrap().success());
        rest
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // Of a test that failed; otherwise it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn events_are_followed_from_now_on_or_from_the_oldest_until_ctrl_c() {
    let dev = Dev::start();
    let id = async |role: &str, name: &str| dev.get(role, "/v1/me").await.1[name].clone();
    let (patient, provider) = (
        id("patient", "patient_id").await,
        id("provider", "provider_id").await,
    );
    // Given three who follow, one of them from the oldest event on
    let mut all = Following::start(&dev, &["--all", "--type", "caretrail.patient.registered"]);
    let mut lines = Following::start(&dev, &["--type", "appointment"]);
    let mut json = Following::start(&dev, &["--type", "appointment.cancelled", "--json"]);
    let registered = all.line();
    assert!(
        registered.contains(&format!(" patients/{} ", patient.as_str().unwrap())),
        "{registered}"
    );

    // When a visit is booked and cancelled
    let at = (chrono::Utc::now() + chrono::TimeDelta::days(9))
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let visit = json!({
        "patient_id": patient, "provider_id": provider, "scheduled_at": at, "duration_minutes": 20
    });
    let post = async |role: &str, path: &str, body: Value| {
        let client = Client::new(&dev.url).with_token(dev.token(role));
        let answer = client.send(Method::POST, path, Some(&body)).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    };
    let visit = post("provider", "/v1/appointments", visit).await;
    let reason = json!({"reason": "Travelling that week"});
    post(
        "patient",
        &format!("/v1/appointments/{visit}/cancel"),
        reason,
    )
    .await;

    // Then a line tells of each step, and those that follow other types print nothing of it
    let subject = format!("appointments/{visit}");
    for rest in [
        vec!["appointment.booked.v1", &subject, "1"],
        vec![
            "appointment.cancelled.v1",
            &subject,
            "2",
            "change_reason,status",
        ],
    ] {
        let line = lines.line();
        let words: Vec<_> = line.split_whitespace().collect();
        assert!(
            chrono::DateTime::parse_from_rfc3339(words[0]).is_ok(),
            "{line}"
        );
        assert_eq!(words[1..], rest);
    }
    let event: Value = serde_json::from_str(&json.line()).unwrap();
    assert_eq!(event["type"], "caretrail.appointment.cancelled.v1");
    assert_eq!(event["subject"], subject);
    assert_eq!(event["data"]["former_status"], "SCHEDULED");
    for following in [all, lines, json] {
        assert_eq!(following.end(), "");
    }

    // Without a cloud it says what to do.
    let data = dev.data.clone();
    dev.end("INT");
    let refused = run(&data, &["events"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        said.contains("no cloud runs on") && said.contains("`cargo dev`"),
        "{said}"
    );
}

#[tokio::test]
async fn the_environment_is_printed_for_shells_and_for_files_of_variables() {
    let dev = Dev::start();
    let printed = String::from_utf8(dev.run(&["env"]).stdout).unwrap();
    let file = dev.data.with_extension("env");
    fs::write(&file, &printed).unwrap();
    let variables: Vec<(&str, &str)> = printed
        .lines()
        .map(|line| line.split_once('=').unwrap())
        .collect();
    for (name, value) in &variables {
        // A second `=` would end the value in some files of variables.
        assert!(
            !value.is_empty() && !value.contains(['=', '\'', '"', ' ']),
            "{name}"
        );
    }
    for name in [
        "DATABASE_URL",
        "TICKET_KEY",
        "CURSOR_KEY",
        "WEBHOOK_KEY",
        "SUPABASE_URL",
        "S3_ENDPOINT",
        "FILES_BUCKET",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "REQUIRE_AAL2",
    ] {
        assert!(
            variables.iter().any(|(given, _)| *given == name),
            "{name}: {printed}"
        );
    }
    for script in ["set -a; . \"$0\"; env", "export $(cat \"$0\"); env"] {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", script])
            .arg(&file)
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let seen = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        for line in printed.lines() {
            assert!(seen.lines().any(|other| other == line), "{script}: {line}");
        }
    }
    // Its login may do what the functions of all kinds may.
    let url = variables
        .iter()
        .find(|(name, _)| *name == "DATABASE_URL")
        .unwrap()
        .1;
    let (database, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let row = database
        .query_one(
            "select pg_has_role('caretrail_people', 'member') and pg_has_role('caretrail_jobs', 'member')
               and not pg_has_role('caretrail_owner', 'member'), current_setting('statement_timeout')",
            &[],
        )
        .await
        .unwrap();
    assert_eq!((row.get(0), row.get(1)), (true, "10s"));
    drop(database);
    dev.end("INT");
}

#[tokio::test]
async fn with_a_real_supabase_project_it_says_how_to_sign_in_instead() {
    let folder = open_folder();
    let project = ("SUPABASE_URL", "https://abc.supabase.example");
    let dev = Dev::start_on(&folder.path().join("dev"), &[project]);
    for claim in ["demo users are registered", "--role"] {
        assert!(
            !dev.said().contains(claim) && !dev.printed.contains(claim),
            "{claim}"
        );
    }
    for help in [
        "of https://abc.supabase.example: there are no demo users",
        "cargo dev make-user",
        "$ACCESS_TOKEN",
    ] {
        assert!(dev.printed.contains(help), "{}", dev.printed);
    }
    let refused = dev.run(&["token", "--role", "admin"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("cargo dev make-user"),
        "{said}"
    );
    let ada = [
        "make-user",
        "ADMIN",
        "0190a5e4-d160-4273-8485-9fa0b1c2d309",
        "ada@example.org",
        "Ada",
        "Example",
    ];
    for expected in ["The user was made.", "The user exists."] {
        let made = dev.run(&ada);
        let said = String::from_utf8_lossy(&made.stdout);
        assert_eq!(
            said.trim_end(),
            expected,
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    }
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

/// `cargo lambda watch` beside a cloud.
struct CargoLambda<'a> {
    dev: &'a Dev,
    watch: Child,
    port: u16,
}

impl<'a> CargoLambda<'a> {
    /// Starts `cargo lambda watch` with the environment that `cargo dev env` prints.
    fn watch(dev: &'a Dev) -> Self {
        let environment = dev.data.with_extension("env");
        let printed = dev.run(&["env"]);
        assert!(printed.status.success());
        fs::write(&environment, printed.stdout).unwrap();
        let port = free_port();
        let mut command = Self::command(
            dev,
            &["watch", "--ignore-changes", "--offline", "--invoke-port"],
        );
        command
            .arg(port.to_string())
            .args(["--invoke-address", "127.0.0.1", "--env-file"])
            .arg(&environment)
            // Only the file gives the functions their settings.
            .env_clear()
            .envs(
                ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            );
        let watch = command.stdout(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "it listens");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { dev, watch, port }
    }

    fn command(dev: &Dev, arguments: &[&str]) -> Command {
        let program = std::env::var_os("CARGO_LAMBDA").unwrap_or_else(|| "cargo-lambda".into());
        let log = File::options()
            .create(true)
            .append(true)
            .open(dev.data.with_extension("cargo-lambda"));
        let mut command = Command::new(program);
        command
            .arg("lambda")
            .args(arguments)
            .stderr(log.unwrap())
            .current_dir(local_cloud::workspace::root());
        command
    }

    /// The answer of `cargo lambda invoke` to the event of this function that `cargo dev event` prints.
    fn invoke(&self, function: &str, event: &[&str]) -> Value {
        let event = self.dev.run(&[&["event", function], event].concat());
        assert!(
            event.status.success(),
            "{}",
            String::from_utf8_lossy(&event.stderr)
        );
        let file = self.dev.data.with_extension("event");
        fs::write(&file, event.stdout).unwrap();
        let port = self.port.to_string();
        let invoke = [
            "invoke",
            "--invoke-address",
            "127.0.0.1",
            "--invoke-port",
            &port,
            function,
            "--data-file",
        ];
        let answer = Self::command(self.dev, &invoke).arg(file).output().unwrap();
        assert!(answer.status.success(), "{function}");
        serde_json::from_slice(&answer.stdout).unwrap()
    }
}

impl Drop for CargoLambda<'_> {
    fn drop(&mut self) {
        let family = descendants(self.watch.id());
        for process in family.into_iter().chain([self.watch.id()]) {
            let _ = Command::new("kill")
                .args(["-s", "TERM", &process.to_string()])
                .status();
        }
        let _ = self.watch.wait();
    }
}

#[tokio::test]
#[ignore = "needs cargo-lambda, and builds functions: CONTRIBUTING.md says how to run it"]
async fn cargo_lambda_runs_functions_with_the_environment_of_a_cloud() {
    // Given a cloud with a file whose inspection broke off, and `cargo lambda watch` beside it.
    let dev = Dev::start();
    let (_, patient) = dev.get("patient", "/v1/me").await;
    let key = upload(&dev, patient["id"].as_str().unwrap()).await;
    let lambda = CargoLambda::watch(&dev);

    // Then endpoints answer events with a token.
    let health = lambda.invoke("health", &[]);
    assert_eq!(health["statusCode"], 200, "{health}");
    let me = lambda.invoke("get-me", &["--role", "patient"]);
    assert_eq!(me["statusCode"], 200, "{me}");
    assert!(
        me["body"]
            .as_str()
            .unwrap()
            .contains(patient["id"].as_str().unwrap())
    );
    let token = dev.token("admin");
    let roles = lambda.invoke("list-roles", &["--token", &token]);
    assert_eq!(roles["statusCode"], 200, "{roles}");
    let refused = lambda.invoke("list-roles", &[]);
    assert_eq!(refused["statusCode"], 401, "{refused}");

    // Then routes answer requests.
    let client =
        Client::new(format!("http://127.0.0.1:{}", lambda.port)).with_token(dev.token("patient"));
    for method in [Method::GET, Method::HEAD] {
        let answer = client.send(method, "/v1/me", None).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }

    // Then the S3 event is processed, and says so.
    let mut event: Value =
        serde_json::from_slice(&dev.run(&["event", "process-upload"]).stdout).unwrap();
    event["Records"][0]["s3"]["object"] =
        json!({"key": key, "size": 1, "sequencer": "0055AED6DCD90281E5"});
    let file = dev.data.with_extension("s3-event");
    fs::write(&file, event.to_string()).unwrap();
    let report = lambda.invoke("process-upload", &["--event", file.to_str().unwrap()]);
    let steps = report["steps"].as_array().unwrap().iter();
    let statuses: Vec<_> = steps
        .map(|step| step["details"]["status"].clone())
        .collect();
    assert_eq!(statuses, ["SCANNING", "AVAILABLE"], "{report}");
    drop(lambda);
    dev.end("INT");
}

/// Uploads a file of the demo patient, waits until it is processed, and makes it wait for its inspection again. Returns the
/// key of its object.
async fn upload(dev: &Dev, owner: &str) -> String {
    let text = b"Well.\n";
    let announcement = json!({
        "owner_type": "PATIENT", "owner_id": owner, "original_name": "note.txt", "file_type": "text/plain",
        "file_size": text.len(),
        "sha256": "accfe99dde4366e558ae0c6005d3f93a04c827848600bc57fe88ee597e5ec28f",
    });
    let client = Client::new(&dev.url).with_token(dev.token("patient"));
    let made = client
        .send(Method::POST, "/v1/files", Some(&announcement))
        .await
        .unwrap();
    let made: Value = serde_json::from_slice(made.body()).unwrap();
    let request = client::upload(&made["upload"], text.to_vec()).unwrap();
    assert!(
        client
            .send_request(request)
            .await
            .unwrap()
            .status()
            .is_success()
    );
    let path = format!("/v1/files/{}", made["file"]["id"].as_str().unwrap());
    let started = Instant::now();
    while dev.get("patient", &path).await.1["status"] != "AVAILABLE" {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it is processed"
        );
    }
    let running = fs::read(dev.data.join("running.json")).unwrap();
    let running: Value = serde_json::from_slice(&running).unwrap();
    let url = running["direct_database_url"].as_str().unwrap();
    let (database, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let again =
        "update file_metadata set status = 'SCANNING', inspected_at = null returning file_path";
    database.query_one(again, &[]).await.unwrap().get(0)
}
