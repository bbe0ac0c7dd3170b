//! One instance: a process of the function's binary, from its start to its end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::environment;
use super::logs::Logs;
use crate::template;

/// How long a function may take to ask for its first event, as on AWS.
const INITIALIZATION_LIMIT: Duration = Duration::from_secs(10);

/// Where instances run, and what they get.
#[derive(Debug)]
pub struct Host {
    /// The folder of the binaries, one per package; absolute.
    pub binaries: PathBuf,
    /// Values for the environment variables that the template declares, and AWS credentials.
    pub environment: BTreeMap<String, String>,
    /// The port of the Runtime API.
    pub port: u16,
}

/// Which instance of a function it is.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    pub number: u64,
    /// Its log stream.
    pub stream: &'a str,
}

/// Starts an instance, waits until its process has ended, and returns how it ended.
/// `ends` ends it early, for the reason it carries.
pub async fn run(
    host: &Host,
    definition: &template::Function,
    which: Which<'_>,
    logs: &Arc<Logs>,
    is_ready: impl Fn() -> bool,
    ends: oneshot::Receiver<String>,
) -> String {
    match spawn(host, definition, which, logs) {
        Ok(child) => watch(child, which, logs, is_ready, ends).await,
        Err(error) => format!("its binary could not be started: {error}"),
    }
}

fn spawn(
    host: &Host,
    definition: &template::Function,
    Which { number, stream }: Which<'_>,
    logs: &Logs,
) -> std::io::Result<Child> {
    let package = &definition.package;
    // The path identifies the instance that calls.
    let runtime_api = format!("http://127.0.0.1:{}/{package}/{number}", host.port);
    Command::new(host.binaries.join(package))
        .env_clear()
        .envs(environment::of_instance(
            definition,
            &host.environment,
            runtime_api,
            logs.group(),
            stream,
        ))
        .current_dir(&host.binaries)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in the terminal is for the local cloud alone.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Returns how the process ended, after all its output is read.
async fn watch(
    mut child: Child,
    which: Which<'_>,
    logs: &Arc<Logs>,
    is_ready: impl Fn() -> bool,
    mut ends: oneshot::Receiver<String>,
) -> String {
    let stream = || which.stream.to_owned();
    let readers = [
        child
            .stdout
            .take()
            .map(|pipe| tokio::spawn(read(logs.clone(), stream(), pipe))),
        child
            .stderr
            .take()
            .map(|pipe| tokio::spawn(read(logs.clone(), stream(), pipe))),
    ];
    let initialization = tokio::time::sleep(INITIALIZATION_LIMIT);
    tokio::pin!(initialization);
    let mut initializing = true;
    let mut told = None;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            why = &mut ends, if told.is_none() => {
                let _ = child.start_kill();
                told = Some(why.unwrap_or_else(|_| "the local cloud is closing".into()));
            }
            () = &mut initialization, if initializing => {
                initializing = false;
                if !is_ready() {
                    let _ = child.start_kill();
                    told = Some(format!("asked for no event within {INITIALIZATION_LIMIT:?}"));
                }
            }
        }
    };
    for reader in readers.into_iter().flatten() {
        let _ = reader.await;
    }
    match (told, status) {
        (Some(why), _) => why,
        (None, Ok(status)) => format!("its process ended: {status}"),
        (None, Err(error)) => format!("its process is lost: {error}"),
    }
}

async fn read(logs: Arc<Logs>, stream: String, pipe: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|length| length > 0)
    {
        let text = String::from_utf8_lossy(line.trim_ascii_end());
        logs.write(&stream, text.into_owned());
        line.clear();
    }
}
