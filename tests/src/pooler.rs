//! PgBouncer in transaction mode in front of this process's PostgreSQL. It is the strictest pooler
//! that functions may meet. `CARETRAIL_TEST_POOLER=1` enables it; a path instead of `1` names another
//! build of PgBouncer. With `CARETRAIL_TEST_NAMED_STATEMENTS=1` that must be version 1.21 or newer, which
//! can keep the names of each client's statements.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use local_cloud::postgres::Server;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::database::{self, PASSWORD, PEOPLE};
use crate::world::named_statements;

/// Debian's package installs it here. Elsewhere it is found in PATH.
const DEBIAN: &str = "/usr/sbin/pgbouncer";

const START_LIMIT: Duration = Duration::from_secs(15);

/// Ends the pooler when this process ends for any reason, because the pipe it reads then closes.
/// `$1` is the folder to remove afterwards.
const LIFELINE: &str =
    r#"folder=$1; shift; "$@" </dev/null & read -r _; kill -s KILL $!; rm -rf "$folder""#;

static POOLER: OnceCell<Pooler> = OnceCell::const_new();

struct Pooler {
    port: u16,
    _lifeline: Child,
}

/// Whether the functions connect through PgBouncer in this run.
pub fn is_wanted() -> bool {
    wanted().is_some()
}

fn wanted() -> Option<String> {
    let value = std::env::var("CARETRAIL_TEST_POOLER").ok()?;
    (!value.is_empty() && value != "0").then_some(value)
}

/// Returns the URL of `database` for the functions' role, through the pooler.
pub async fn url(database: &str) -> String {
    let pooler = POOLER
        .get_or_init(|| async { start(database::server().await).await })
        .await;
    format!(
        "postgres://{PEOPLE}:{PASSWORD}@127.0.0.1:{}/{database}",
        pooler.port
    )
}

async fn start(server: &Server) -> Pooler {
    let folder = tempfile::Builder::new()
        .prefix("caretrail-pgbouncer-")
        .tempdir()
        .unwrap()
        .keep();
    // The pooler gets the SCRAM secret itself, so it can log in with what a client proved to it.
    let client = database::connect(&server.superuser_url("postgres")).await;
    let listed: String = client
        .query_one(
            "select string_agg(format('\"%s\" \"%s\"', rolname, rolpassword), E'\\n')
             from pg_authid where rolname = any ($1)",
            &[&&migrations::LOGINS[..]],
        )
        .await
        .unwrap()
        .get(0);
    let users = folder.join("users.txt");
    fs::write(&users, listed).unwrap();
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|socket| socket.local_addr())
        .unwrap()
        .port();
    // Older versions don't know this setting.
    let names = if named_statements() {
        "max_prepared_statements = 200\n"
    } else {
        ""
    };
    let settings = folder.join("pgbouncer.ini");
    fs::write(
        &settings,
        format!(
            "[databases]\n\
             * = host=127.0.0.1 port={}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = scram-sha-256\n\
             auth_file = {}\n\
             pool_mode = transaction\n\
             default_pool_size = 8\n\
             max_client_conn = 1000\n\
             {names}",
            server.port,
            users.display()
        ),
    )
    .unwrap();
    // PgBouncer refuses to run as root. It then runs as another account, which must be able to read
    // these files.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let log = fs::File::create(folder.join("pgbouncer.log")).unwrap();

    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", LIFELINE, "sh"])
        .arg(&folder)
        .arg(program())
        .arg("-q")
        .args(is_root().then_some(["-u", "nobody"]).into_iter().flatten())
        .arg(&settings)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0);
    let lifeline = command.spawn().expect("/bin/sh runs");

    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(
            started.elapsed() < START_LIMIT,
            "PgBouncer (Debian's package `pgbouncer`) did not start: {}",
            fs::read_to_string(folder.join("pgbouncer.log")).unwrap_or_default()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Pooler {
        port,
        _lifeline: lifeline,
    }
}

fn program() -> PathBuf {
    match wanted() {
        Some(path) if path != "1" => path.into(),
        _ if Path::new(DEBIAN).exists() => DEBIAN.into(),
        _ => "pgbouncer".into(),
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
