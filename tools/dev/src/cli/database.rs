//! The database of `cargo dev`: an embedded one, or the one at `DATABASE_URL`.

use std::convert::Infallible;
use std::env;
use std::path::Path;

use anyhow::{Context, Result, bail};
use local_cloud::postgres::{self, Options, Server};
use local_cloud::{private_file, progress};
use migrations::{LOGINS, OtherMigrations};

/// The database on the embedded server.
const NAME: &str = "caretrail";

/// The login of functions that another tool starts with the variables of `cargo dev env`. A deployment has no such
/// login: there each function has the login of its kind.
const LOCAL: &str = "caretrail_local";

/// A migrated database.
pub struct Database {
    /// The URL for migrations, of the owner or the superuser.
    pub direct_url: String,
    /// The URL for the functions that people call.
    pub app_url: String,
    /// The URL for functions of all kinds, if one environment serves them all. Only the embedded server has such a
    /// login. Elsewhere it is that of the functions that people call.
    pub any_url: String,
    /// The key that signs the functions' tickets, in base64.
    pub ticket_key: String,
    /// A PEM file of root certificates for a server at `DATABASE_URL`.
    pub ca_file: Option<String>,
    /// The embedded server, if that is used.
    pub server: Option<Server>,
}

impl Database {
    /// Starts or reaches the database and brings its schema up to date.
    pub async fn start(data: &Path) -> Result<Self> {
        let ca_file = env::var("DATABASE_CA_FILE")
            .ok()
            .filter(|file| !file.is_empty());
        let (direct_url, server) = match env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
        {
            Some(url) => (url, None),
            None => {
                let server = embedded(data).await?;
                (server.superuser_url(NAME), Some(server))
            }
        };

        let step = progress::step("Migrating the database");
        let report = match migrations::run(&direct_url, ca_file.as_deref()).await {
            Err(error) if error.is::<OtherMigrations>() && server.is_some() => bail!(
                "the database in {} was made by other migration files than these: remove its data with \
                 `cargo dev reset` and start again",
                data.display()
            ),
            report => report.context("the schema is not current")?,
        };
        let password =
            private_file::read_or_make(&data.join("app-password"), private_file::secret)?;
        for login in LOGINS {
            migrations::set_password(&direct_url, ca_file.as_deref(), login, &password).await?;
        }
        let ticket_key = private_file::read_or_make(&data.join("ticket-key"), private_file::key)?;
        let key = settings::key(&ticket_key);
        let key = key.context("the file ticket-key holds no key of 32 bytes")?;
        migrations::add_ticket_key(&direct_url, ca_file.as_deref(), &key).await?;
        step.done(match report.applied.len() {
            0 => "The database's schema is current".to_owned(),
            1 => "Applied 1 migration".to_owned(),
            count => format!("Applied {count} migrations"),
        });
        let app_url = postgres::with_login(&direct_url, LOGINS[0], &password)?;
        let any_url = match &server {
            Some(server) => {
                server.create_login(LOCAL, &password, &LOGINS).await?;
                postgres::with_login(&direct_url, LOCAL, &password)?
            }
            None => app_url.clone(),
        };
        Ok(Self {
            direct_url,
            app_url,
            any_url,
            ticket_key,
            ca_file,
            server,
        })
    }

    /// Starts the embedded server again whenever it ends although nobody stopped it, and says so.
    ///
    /// # Errors
    /// The server can't be started. Without an error, it never returns.
    pub async fn keep_alive(&self) -> Result<Infallible> {
        let Some(server) = &self.server else {
            return std::future::pending().await;
        };
        loop {
            let how = server.ended().await;
            eprintln!(
                "PostgreSQL has ended ({how}). Starting it again. Until then requests get 503."
            );
            server
                .restart()
                .await
                .context("PostgreSQL has ended and can't be started again, so the cloud stops")?;
            eprintln!("PostgreSQL serves again on port {}.", server.port);
        }
    }

    /// Ends the embedded server, if any.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

async fn embedded(data: &Path) -> Result<Server> {
    let step = progress::step("Starting PostgreSQL");
    let options = Options {
        data: Some(data.join("postgres")),
        ..Options::default()
    };
    let server = Server::start(options).await?;
    if !server.has_database(NAME).await? {
        server.create_database(NAME, None).await?;
    }
    step.done(format!(
        "PostgreSQL {} on port {}, data in {}",
        server.version,
        server.port,
        server.data.display()
    ));
    Ok(server)
}
