//! One instance: a process of the function's binary, kept until it ends.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::environment;
use super::function::Function;

/// How long a function may take to ask for its first event, as on AWS.
const INITIALIZATION_LIMIT: Duration = Duration::from_secs(10);

/// Starts instance `number` and stays with it until its process has ended.
pub async fn keep(function: Arc<Function>, number: u64, ends: oneshot::Receiver<String>) {
    let how = match spawn(&function, number) {
        Ok(child) => watch(&function, number, child, ends).await,
        Err(error) => format!("its binary could not be started: {error}"),
    };
    if !function.is_ready(number) {
        function
            .logs
            .push(format!("instance {number} did not start: {how}"));
    }
    function.ended(number, &how);
}

fn spawn(function: &Function, number: u64) -> std::io::Result<Child> {
    let shared = &function.shared;
    let package = &function.definition.package;
    // The path names who calls: every instance has a Runtime API of its own.
    let runtime_api = format!("http://127.0.0.1:{}/{package}/{number}", shared.port);
    Command::new(shared.binaries.join(package))
        .env_clear()
        .envs(environment::of_instance(
            &function.definition,
            &shared.environment,
            runtime_api,
            number,
        ))
        .current_dir(&shared.binaries)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in the terminal is for the local cloud alone.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Returns how the process ended, once what it wrote is read.
async fn watch(
    function: &Arc<Function>,
    number: u64,
    mut child: Child,
    mut ends: oneshot::Receiver<String>,
) -> String {
    let readers = [
        child
            .stdout
            .take()
            .map(|pipe| tokio::spawn(read(function.clone(), pipe))),
        child
            .stderr
            .take()
            .map(|pipe| tokio::spawn(read(function.clone(), pipe))),
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
                if !function.is_ready(number) {
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

async fn read(function: Arc<Function>, pipe: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|length| length > 0)
    {
        function
            .logs
            .push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        line.clear();
    }
}
