//! The database of `cargo dev`: an embedded one, or the one at `DATABASE_URL`.

use std::env;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use local_cloud::postgres::{self, Options, Server};
use local_cloud::{private_file, progress};
use migrations::{LOGINS, OtherMigrations};

/// The database on the embedded server.
const NAME: &str = "caretrail";

/// A migrated database.
pub struct Database {
    /// The URL for migrations, of the owner or the superuser.
    pub direct_url: String,
    /// The URL for the functions that people call.
    pub app_url: String,
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
        let key = BASE64_STANDARD.decode(&ticket_key)?.try_into();
        let key = key.map_err(|_| anyhow!("the file ticket-key holds no key of 32 bytes"))?;
        migrations::add_ticket_key(&direct_url, ca_file.as_deref(), &key).await?;
        step.done(match report.applied.len() {
            0 => "The database's schema is current".to_owned(),
            1 => "Applied 1 migration".to_owned(),
            count => format!("Applied {count} migrations"),
        });
        let app_url = postgres::with_login(&direct_url, LOGINS[0], &password)?;
        Ok(Self {
            direct_url,
            app_url,
            ticket_key,
            ca_file,
            server,
        })
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
