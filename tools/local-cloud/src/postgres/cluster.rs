//! The data of a server on disk: made by `initdb`, adopted when it is there already.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::account::Account;
use super::{Binaries, SUPERUSER, Tls, superuser_password};

/// One folder: `data/` as PostgreSQL has it, its log, the superuser's password.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub home: PathBuf,
    pub account: Option<Account>,
    /// Whether it must survive a power cut.
    pub durable: bool,
}

impl Cluster {
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.home.join("postgres.log")
    }

    pub fn certificate(&self) -> PathBuf {
        self.home.join("server.crt")
    }

    pub fn key(&self) -> PathBuf {
        self.home.join("server.key")
    }

    /// The last lines the server wrote.
    pub fn log_end(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Major version of the data that is there.
    pub fn version(&self) -> Result<Option<u32>> {
        let file = self.data().join("PG_VERSION");
        if !file.exists() {
            return Ok(None);
        }
        let version = fs::read_to_string(&file)?;
        Ok(Some(version.trim().parse().with_context(|| {
            format!("{} holds no version", file.display())
        })?))
    }

    /// Makes the cluster where there is none, and writes who may connect. Returns the superuser's password.
    pub fn prepare(&self, binaries: &Binaries, tls: Option<&Tls>) -> Result<String> {
        let password = superuser_password(&self.home)?;
        if self.version()?.is_none() {
            self.initialize(binaries)?;
        }
        if let Some(tls) = tls {
            self.install(&tls.certificate, &self.certificate())?;
            self.install(&tls.key, &self.key())?;
        }
        // The superuser comes plain: the parent itself, over loopback.
        let others = if tls.is_some() { "hostssl" } else { "host" };
        let rules = format!(
            "host all {SUPERUSER} 127.0.0.1/32 scram-sha-256\n{others} all all 127.0.0.1/32 scram-sha-256\n"
        );
        fs::write(self.data().join("pg_hba.conf"), rules)?;
        Ok(password)
    }

    /// Waits until no server uses the data: one whose parent was killed is just about to stop. If another program
    /// has the number of the last server, the server's lock file is removed. A lock file of a dead server stays:
    /// by it PostgreSQL finds processes of that server that still write.
    pub fn wait_released(&self, limit: Duration) -> Result<()> {
        let file = self.data().join("postmaster.pid");
        let started = Instant::now();
        while let Ok(content) = fs::read_to_string(&file) {
            let process = content.lines().next().unwrap_or_default().trim();
            let number: Option<u32> = process.parse().ok();
            match number.map(program) {
                Some(None) => break,
                Some(Some(name)) if name.ends_with("postgres") => {}
                _ => {
                    let _ = fs::remove_file(&file);
                    break;
                }
            }
            if started.elapsed() > limit {
                bail!(
                    "{} is in use by the PostgreSQL of process {process}",
                    self.home.display()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn initialize(&self, binaries: &Binaries) -> Result<()> {
        let password_file = self.home.join("superuser-password");
        // initdb runs as the account and must read it.
        if let Some(account) = &self.account {
            account.own(&password_file)?;
        }
        // The letters of names compare as Neon compares them, where the system has that locale.
        let mut failure = String::new();
        for locale in ["C.UTF-8", "C"] {
            let _ = fs::remove_dir_all(self.data());
            let mut command = Command::new(binaries.program("initdb"));
            command
                .arg("--pgdata")
                .arg(self.data())
                .arg("--pwfile")
                .arg(&password_file)
                .args([
                    "--username",
                    SUPERUSER,
                    "--auth",
                    "scram-sha-256",
                    "--encoding",
                    "UTF8",
                    "--locale",
                    locale,
                ])
                .current_dir("/")
                .stdin(Stdio::null());
            if !self.durable {
                command.arg("--no-sync");
            }
            if let Some(account) = &self.account {
                account.run(&mut command);
            }
            let answer = command.output().context("initdb did not run")?;
            if answer.status.success() {
                return Ok(());
            }
            failure = String::from_utf8_lossy(&answer.stderr).into_owned();
        }
        let _ = fs::remove_dir_all(self.data());
        bail!(
            "initdb failed in {}:\n{}",
            self.home.display(),
            failure.trim()
        )
    }

    /// Copies a file to where the server, and only it, may read it.
    fn install(&self, from: &Path, to: &Path) -> Result<()> {
        fs::copy(from, to).with_context(|| format!("{} can't be read", from.display()))?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o600))?;
        self.account
            .as_ref()
            .map_or(Ok(()), |account| account.own(to))
    }
}

/// The name of the program that runs as `process`. None if it has ended.
fn program(process: u32) -> Option<String> {
    let name = match Path::new("/proc/self").exists() {
        true => fs::read_to_string(format!("/proc/{process}/comm")).ok()?,
        false => {
            let mut ps = Command::new("ps");
            let answer = ps
                .args(["-o", "comm=", "-p", &process.to_string()])
                .output();
            String::from_utf8_lossy(&answer.ok()?.stdout).into_owned()
        }
    };
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
