//! An embedded PostgreSQL: a real server of its own, that ends when its parent does.

mod account;
mod binaries;
mod cluster;
mod lifeline;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio_postgres::NoTls;

pub use binaries::Binaries;
use cluster::Cluster;
use lifeline::Lifeline;

use crate::private_file;

/// The role that `initdb` makes.
pub const SUPERUSER: &str = "postgres";

/// How long a server may take to accept connections; recovery after a crash included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a server of a dead parent, or the processes of a dead server, may take to leave the data to us.
const RELEASE_LIMIT: Duration = Duration::from_secs(15);
/// How often a running server is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// What PostgreSQL logs if processes of a server that was killed still use its memory.
const STILL_IN_USE: &str = "is still in use";

/// How to run a server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where to keep the data. `None`: in a temporary folder, removed when the server ends, and
    /// without waiting for the disk: for tests.
    pub data: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Serve TLS, and require it of every role but the superuser.
    pub tls: Option<Tls>,
    /// Further settings, as `postgres -c name=value`.
    pub settings: Vec<(String, String)>,
}

/// A server certificate, PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A running server. Dropping it ends the server; so does the end of this process, however it comes.
#[derive(Debug)]
pub struct Server {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Where the data is: not always where it was asked for (see [`Server::start`]).
    pub data: PathBuf,
    /// Major version of the server.
    pub version: u32,
    cluster: Cluster,
    binaries: Binaries,
    options: Options,
    password: String,
    lifeline: Mutex<Option<Lifeline>>,
    // Removed with the server where a temporary folder was made.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts a server: adopts the data that is there, or makes a new cluster.
    ///
    /// PostgreSQL refuses to run as root. Started by root it runs as `postgres` or `nobody`, and where
    /// that account can't reach the folder asked for, the data goes to `/var/tmp/caretrail-HASH`.
    ///
    /// # Errors
    /// No binaries, data of another version or in use, or a server that does not come up: with the
    /// end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        tokio::task::spawn_blocking(move || Self::start_blocking(&options)).await?
    }

    fn start_blocking(options: &Options) -> Result<Self> {
        let account = account::for_server()?;
        let (folder, asked) = match &options.data {
            Some(data) => (None, data.clone()),
            None => {
                let folder = tempfile::Builder::new()
                    .prefix("caretrail-postgres-")
                    .tempdir_in(scratch())?;
                let path = folder.path().to_owned();
                (Some(folder), path)
            }
        };
        // A free port may be taken by someone else before the server binds it.
        let attempts = if options.port == 0 { 5 } else { 1 };
        let mut failure = None;
        for _ in 0..attempts {
            let home = account::home(&asked, account.as_ref())?;
            let cluster = Cluster {
                home,
                account: account.clone(),
                durable: options.data.is_some(),
            };
            let binaries = Binaries::find(cluster.version()?)?;
            cluster.wait_released(RELEASE_LIMIT)?;
            let password = cluster.prepare(&binaries, options.tls.as_ref())?;
            let port = if options.port == 0 {
                free_port()?
            } else {
                options.port
            };
            match launch(&cluster, &binaries, port, options, &password) {
                Ok(lifeline) => {
                    return Ok(Self {
                        port,
                        data: cluster.home.clone(),
                        version: binaries.version,
                        cluster,
                        binaries,
                        options: options.clone(),
                        password,
                        lifeline: Mutex::new(Some(lifeline)),
                        _folder: folder,
                    });
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow::anyhow!("PostgreSQL was not started")))
    }

    /// The URL of `database` for the superuser.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(SUPERUSER, &self.password, database)
    }

    /// The URL of `database` for `role`.
    pub fn url(&self, role: &str, password: &str, database: &str) -> String {
        format!(
            "postgres://{role}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Makes `name` as a copy of `template`, or an empty database.
    ///
    /// # Errors
    /// When it exists, or someone is connected to the template.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<()> {
        let template = template.unwrap_or("template0");
        // Copying files is the faster way as long as nothing waits for the disk.
        let strategy = if self.cluster.durable {
            "wal_log"
        } else {
            "file_copy"
        };
        self.execute(&format!(
            "create database {} template {} strategy {strategy}",
            quoted(name),
            quoted(template)
        ))
        .await
        .with_context(|| format!("database {name} was not made from {template}"))
    }

    /// Makes `name` a login that may do what the logins `members_of` may, with the settings of the first. An existing
    /// one gets the password.
    ///
    /// # Errors
    /// When the server can't be reached, or one of the logins doesn't exist.
    pub async fn create_login(
        &self,
        name: &str,
        password: &str,
        members_of: &[&str],
    ) -> Result<()> {
        let groups: Vec<_> = members_of.iter().map(|login| quoted(login)).collect();
        let (name, first) = (quoted(name), quoted(members_of[0]));
        self.execute(&format!(
            "do $$
             declare
               setting text;
             begin
               if to_regrole('{name}') is null then
                 create role {name};
               end if;
               alter role {name} login password '{password}';
               grant {groups} to {name};
               for setting in
                 select unnest(setconfig) from pg_db_role_setting
                 where setrole = '{first}'::regrole and setdatabase = 0
               loop
                 execute format('alter role {name} set %I = %L', split_part(setting, '=', 1),
                   split_part(setting, '=', 2));
               end loop;
             end
             $$",
            groups = groups.join(", ")
        ))
        .await
        .with_context(|| format!("the login {name} was not made"))
    }

    /// Removes `name`, ending its connections.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        self.execute(&format!(
            "drop database if exists {} with (force)",
            quoted(name)
        ))
        .await
        .with_context(|| format!("database {name} was not removed"))
    }

    /// Whether `name` exists.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn has_database(&self, name: &str) -> Result<bool> {
        let client = connect(&self.superuser_url("postgres")).await?;
        let found = client
            .query_opt("select from pg_database where datname = $1", &[&name])
            .await?;
        Ok(found.is_some())
    }

    /// Waits until the server ends although nobody stopped it. Returns how it ended.
    pub async fn ended(&self) -> String {
        loop {
            let ended = match &mut *self.lifeline() {
                Some(lifeline) => lifeline.ended(),
                None => Ok(None),
            };
            match ended {
                Ok(None) => tokio::time::sleep(LOOK).await,
                Ok(Some(status)) => return status.to_string(),
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Starts a server that has ended again, on its port and its data.
    ///
    /// # Errors
    /// The data was temporary, or the server does not come up: with the end of its log.
    pub async fn restart(&self) -> Result<()> {
        if !self.cluster.durable {
            bail!("the data of this server was removed when it ended");
        }
        if let Some(former) = self.take_lifeline() {
            tokio::task::spawn_blocking(move || former.stop()).await?;
        }
        let (cluster, binaries) = (self.cluster.clone(), self.binaries.clone());
        let (port, options, password) = (self.port, self.options.clone(), self.password.clone());
        let launched = tokio::task::spawn_blocking(move || {
            cluster.wait_released(RELEASE_LIMIT)?;
            launch(&cluster, &binaries, port, &options, &password)
        });
        *self.lifeline() = Some(launched.await??);
        Ok(())
    }

    /// Ends the server and waits until it is gone.
    pub async fn stop(self) {
        let lifeline = self.take_lifeline();
        let _ = tokio::task::spawn_blocking(move || lifeline.map(Lifeline::stop)).await;
    }

    async fn execute(&self, statement: &str) -> Result<()> {
        connect(&self.superuser_url("postgres"))
            .await?
            .batch_execute(statement)
            .await?;
        Ok(())
    }

    fn lifeline(&self) -> MutexGuard<'_, Option<Lifeline>> {
        self.lifeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_lifeline(&self) -> Option<Lifeline> {
        self.lifeline().take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Waits, for a temporary folder can only be removed after the server.
        if let Some(lifeline) = self.take_lifeline() {
            lifeline.stop();
        }
    }
}

/// Removes what a server keeps for the folder `asked`, wherever it went.
///
/// # Errors
/// When a server still uses it.
pub fn remove(asked: &Path) -> Result<()> {
    let account = account::for_server()?;
    for home in account::homes(asked) {
        if home.exists() {
            let cluster = Cluster {
                home: home.clone(),
                account: account.clone(),
                durable: true,
            };
            cluster.wait_released(RELEASE_LIMIT)?;
            fs::remove_dir_all(&home)
                .with_context(|| format!("{} was not removed", home.display()))?;
        }
    }
    Ok(())
}

/// `url` with another role and password, everything else kept.
///
/// # Errors
/// When it is no PostgreSQL URL.
pub fn with_login(url: &str, role: &str, password: &str) -> Result<String> {
    let (scheme, rest) = url
        .split_once("://")
        .context("DATABASE_URL is not a URL: postgres://…")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    Ok(format!("{scheme}://{role}:{password}@{host}{path}"))
}

/// `url` with another role and the same password.
///
/// # Errors
/// It is no PostgreSQL URL, or it has no password.
pub fn with_role(url: &str, role: &str) -> Result<String> {
    let password = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'))
        .and_then(|(login, _)| login.split_once(':'))
        .map(|(_, password)| password.to_owned())
        .context("DATABASE_URL has no password")?;
    with_login(url, role, &password)
}

async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Starts a server and waits until it accepts connections. If its predecessor was killed, waits for the processes
/// of it that are about to end.
fn launch(
    cluster: &Cluster,
    binaries: &Binaries,
    port: u16,
    options: &Options,
    password: &str,
) -> Result<Lifeline> {
    let started = Instant::now();
    loop {
        let lifeline = Lifeline::start(cluster, binaries, port, options)?;
        match wait_until_ready(port, password, lifeline, cluster) {
            Err(_)
                if started.elapsed() < RELEASE_LIMIT
                    && cluster.log_end().contains(STILL_IN_USE) =>
            {
                std::thread::sleep(LOOK);
            }
            outcome => return outcome,
        }
    }
}

fn wait_until_ready(
    port: u16,
    password: &str,
    mut lifeline: Lifeline,
    cluster: &Cluster,
) -> Result<Lifeline> {
    let url =
        format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres?connect_timeout=5");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = Instant::now();
    loop {
        let refusal = match runtime.block_on(tokio_postgres::connect(&url, NoTls)) {
            Ok(_) => return Ok(lifeline),
            Err(error) => error,
        };
        if let Some(status) = lifeline.ended()? {
            bail!(
                "PostgreSQL did not start ({status}):\n{}",
                cluster.log_end()
            );
        }
        if started.elapsed() > START_LIMIT {
            bail!(
                "PostgreSQL accepts no connection ({refusal}):\n{}",
                cluster.log_end()
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Where data is kept that is thrown away: in memory, where Linux offers that and has room. A copy of
/// a database is hundreds of files, and on a busy disk takes many times as long.
fn scratch() -> PathBuf {
    const ROOM: u64 = 2 * 1024 * 1024 * 1024;
    let memory = Path::new("/dev/shm");
    match rustix::fs::statvfs(memory) {
        Ok(found) if found.f_bavail * found.f_frsize >= ROOM => memory.to_owned(),
        _ => std::env::temp_dir(),
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// The superuser's password, kept beside the data.
fn superuser_password(home: &Path) -> Result<String> {
    Ok(private_file::read_or_make(
        &home.join("superuser-password"),
        private_file::secret,
    )?)
}

#[cfg(test)]
mod tests {
    use super::with_login;

    #[test]
    fn a_login_is_replaced_and_the_rest_kept() {
        let url = with_login(
            "postgres://owner:a@b@db.example.org:5432/main?sslmode=require",
            "app",
            "pw",
        )
        .unwrap();
        assert_eq!(
            url,
            "postgres://app:pw@db.example.org:5432/main?sslmode=require"
        );
        assert_eq!(
            with_login("postgres://h", "app", "pw").unwrap(),
            "postgres://app:pw@h"
        );
        assert!(with_login("h/db", "app", "pw").is_err());
    }
}
