//! PostgreSQL for the tests: one server per process, one database per test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};

use local_cloud::postgres::{Options, Server};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// The login of the functions that people call.
pub const PEOPLE: &str = "caretrail_people";

/// The login of the functions that events and schedules start.
pub const JOBS: &str = "caretrail_jobs";

/// The password of the functions' logins in the tests.
pub const PASSWORD: &str = "a-password-for-tests";

/// The key that signs tickets in the tests.
pub const TICKET_KEY: [u8; 32] = *b"a key of 32 bytes, for the tests";

const TEMPLATE: &str = "caretrail_template";

static SERVER: OnceCell<Server> = OnceCell::const_new();

/// Returns the server of this process. The first call starts and migrates it. It ends with the
/// process.
pub async fn server() -> &'static Server {
    SERVER
        .get_or_init(|| async {
            let options = Options {
                settings: [
                    ("max_connections", "400"),
                    ("autovacuum", "off"),
                    // The write-ahead log is never replayed here, and a smaller one is faster.
                    ("wal_level", "minimal"),
                    ("max_wal_senders", "0"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
                ..Options::default()
            };
            let server = Server::start(options).await.expect("PostgreSQL starts");
            server
                .create_database(TEMPLATE, None)
                .await
                .expect("a database can be made");
            let url = server.superuser_url(TEMPLATE);
            prepare(&url).await;
            // Tests send far more bad requests within a minute than people do.
            migrations::set_refusals_per_minute(&url, None, 100_000)
                .await
                .expect("the limit is set");
            server
        })
        .await
}

/// Migrates the database, lets the functions log in and adds their ticket key.
pub async fn prepare(url: &str) {
    migrations::run(url, None)
        .await
        .expect("the migrations apply");
    for login in migrations::LOGINS {
        migrations::set_password(url, None, login, PASSWORD)
            .await
            .expect("the login gets a password");
    }
    migrations::add_ticket_key(url, None, &TICKET_KEY)
        .await
        .expect("the ticket key is added");
}

/// A migrated database of one test. Dropping this value removes it.
#[derive(Debug)]
pub struct Database {
    /// The name of the database.
    pub name: String,
    server: &'static Server,
}

impl Database {
    /// Copies the template database.
    pub async fn new() -> Self {
        Self::copy_of(TEMPLATE).await
    }

    /// Copies this database. Its connections are ended.
    pub async fn copy_of(template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let server = server().await;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        if template != TEMPLATE {
            let client = connect(&server.superuser_url("postgres")).await;
            let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
            client.query(end, &[&template]).await.unwrap();
        }
        server
            .create_database(&name, Some(template))
            .await
            .expect("the template can be copied");
        Self { name, server }
    }

    /// Returns the superuser's URL, without the pooler.
    pub fn superuser_url(&self) -> String {
        self.server.superuser_url(&self.name)
    }

    /// Returns the URL for a login of the functions, without the pooler.
    pub fn url_of(&self, login: &str) -> String {
        self.server.url(login, PASSWORD, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A destructor can't wait. Databases that are left when the process ends are removed with
        // the server.
        static JANITOR: LazyLock<Mutex<Sender<String>>> = LazyLock::new(|| {
            let (names, to_drop) = channel::<String>();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime can be made");
                for name in to_drop {
                    let server = SERVER.get().expect("the server has started");
                    // The removal happens after the test, so its errors don't matter.
                    let _ = runtime.block_on(server.drop_database(&name));
                }
            });
            Mutex::new(names)
        });
        if let Ok(names) = JANITOR.lock() {
            let _ = names.send(std::mem::take(&mut self.name));
        }
    }
}

/// Opens a connection on this runtime.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the database accepts connections");
    tokio::spawn(connection);
    client
}
