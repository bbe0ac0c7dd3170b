//! Keeps a server's life within its parent's.
//!
//! A small shell stands between the two and reads a pipe that only the parent holds open. However
//! the parent ends, the pipe closes, and the shell stops the server.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

use super::cluster::Cluster;
use super::{Binaries, Options};

/// `$1` is the signal that stops the server, `$2` a folder to remove afterwards or nothing, the rest
/// the server's command line.
const SCRIPT: &str = r#"
signal=$1; leftover=$2; shift 2
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r _ <&3; kill -s "$signal" "$server"; } &
watcher=$!
exec 3<&-
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
[ -n "$leftover" ] && rm -rf "$leftover"
exit "$status"
"#;

/// A server that stops when this value, or this process, ends.
#[derive(Debug)]
pub struct Lifeline {
    shell: Child,
}

impl Lifeline {
    pub fn start(
        cluster: &Cluster,
        binaries: &Binaries,
        port: u16,
        options: &Options,
    ) -> Result<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(cluster.log())?;
        // Fast for data that is kept, immediate for data that is thrown away.
        let signal = if cluster.durable { "INT" } else { "QUIT" };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "sh", signal]);
        if cluster.durable {
            command.arg("");
        } else {
            command.arg(&cluster.home);
        }
        command
            .arg(binaries.program("postgres"))
            .arg("-D")
            .arg(cluster.data());
        for (name, value) in settings(cluster, port, options) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal is for the parent alone.
            .process_group(0);
        if let Some(account) = &cluster.account {
            account.run(&mut command);
        }
        Ok(Self {
            shell: command.spawn().context("/bin/sh did not run")?,
        })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.shell.try_wait()?)
    }

    /// Stops the server and waits until it is gone.
    pub fn stop(mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn settings(cluster: &Cluster, port: u16, options: &Options) -> Vec<(String, String)> {
    let mut settings = vec![
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", String::new()),
        ("max_connections", "200".to_owned()),
        ("password_encryption", "scram-sha-256".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("lc_messages", "C".to_owned()),
    ];
    if !cluster.durable {
        settings.extend(
            [
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
            ]
            .map(|(name, value)| (name, value.to_owned())),
        );
    }
    if options.tls.is_some() {
        settings.push(("ssl", "on".to_owned()));
        settings.push(("ssl_cert_file", cluster.certificate().display().to_string()));
        settings.push(("ssl_key_file", cluster.key().display().to_string()));
    }
    let further = options.settings.iter().cloned();
    settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .chain(further)
        .collect()
}
