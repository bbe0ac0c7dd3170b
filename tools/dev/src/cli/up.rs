//! `cargo dev up`
#![expect(
    clippy::print_stdout,
    reason = "the command prints where everything runs"
)]

use std::collections::BTreeMap;
use std::env;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use crate::demo_users::FIRST;
use crate::running::{Claim, Running};
use anyhow::{Context, Result};
use local_cloud::cloud::{AUDIT_BUCKET, Cloud, Settings};
use local_cloud::issuer::JWKS_PATH;
use local_cloud::template::Template;
use local_cloud::{compile, progress, workspace};

use crate::seed;
use tokio::signal::unix::{SignalKind, signal};

use super::Place;
use super::database::Database;

const DEFAULT_PORT: u16 = 9000;

/// Pauses before a failed event is retried. AWS waits minutes; a developer shouldn't have to.
const RETRIES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// The newest checkpoint of the sealed audit log.
const CHECKPOINT: &str = "checkpoint";

/// When the first checkpoint is looked for.
const SOON: Duration = Duration::from_secs(70);

/// The pause before the newest checkpoint is shown again.
const NOW_AND_THEN: Duration = Duration::from_secs(15 * 60);

/// The variables that a real S3 needs, taken from this process's environment.
const S3_VARIABLES: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "FILES_BUCKET",
    "AUDIT_BUCKET",
];

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// A part can't be started, or PostgreSQL ended and can't be started again.
pub async fn run(place: &Place) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let told = async {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    };
    tokio::pin!(told);
    // If a signal comes during the start, dropping the future ends the parts that have started.
    let served = tokio::select! {
        started = start(place) => started?,
        () = &mut told => return Ok(()),
    };
    welcome(place, &served.running, &std::path::absolute(place.data())?);
    let ended = tokio::select! {
        () = &mut told => Ok(()),
        Err(error) = served.database.keep_alive() => Err(error),
        () = show_checkpoints(&served.cloud) => Ok(()),
    };
    eprintln!("\nStopping.");
    served.stop().await;
    ended
}

/// Shows the size of the sealed audit log after the first minutes, and then now and then. It never ends.
async fn show_checkpoints(cloud: &Cloud) {
    let mut shown = None;
    loop {
        tokio::time::sleep(if shown.is_none() { SOON } else { NOW_AND_THEN }).await;
        // Size and root follow the name of the log (docs/decisions/0031-sealed-audit-log.md).
        let checkpoint = cloud.has_objects().then(|| {
            let file = cloud.objects().path(AUDIT_BUCKET, CHECKPOINT);
            std::fs::read_to_string(file).ok()
        });
        let checkpoint = checkpoint.flatten().unwrap_or_default();
        let size = checkpoint.lines().nth(1).map(str::to_owned);
        if let Some(size) = size.filter(|size| shown.as_ref() != Some(size)) {
            eprintln!("The audit log is sealed: its newest checkpoint has {size} entries");
            shown = Some(size);
        }
    }
}

/// A cloud that runs in this process.
pub struct Served {
    running: Running,
    claim: Claim,
    cloud: Cloud,
    database: Database,
}

impl Served {
    /// Ends the cloud and keeps its data.
    pub async fn stop(self) {
        self.cloud.shutdown().await;
        self.database.stop().await;
        drop(self.claim);
    }
}

/// Starts a cloud with its demo users.
///
/// # Errors
/// A cloud runs on this data already, or a part can't be started.
pub async fn start(place: &Place) -> Result<Served> {
    let data = std::path::absolute(place.data())?;
    let claim = Claim::new(&data)?;
    let port = place.port.unwrap_or(DEFAULT_PORT);
    // Checked before the slow steps.
    TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("port {port} is not free: choose another with --port"))?;
    let template = Arc::new(Template::read(&workspace::root().join("template.yaml"))?);
    eprintln!("Building {} functions", template.functions.len());
    compile::functions().await?;
    let database = Database::start(&data).await?;

    let step = progress::step("Starting the functions");
    let mut settings = Settings::new(&data, &database.app_url, &database.ticket_key, template);
    settings.port = port;
    settings.retries = RETRIES.to_vec();
    settings.reload = true;
    settings.schedules = true;
    settings.log_files = true;
    settings.supabase_url = variable("SUPABASE_URL");
    settings.s3_endpoint = variable("S3_ENDPOINT");
    if let Some(origin) = variable("ALLOWED_ORIGIN") {
        settings.allowed_origin = origin;
    }
    settings.environment = environment(&database, &settings);
    let (supabase_url, s3_endpoint) = (settings.supabase_url.clone(), settings.s3_endpoint.clone());
    let cloud = Cloud::start(settings).await?;
    let mut running = Running {
        process: std::process::id(),
        url: cloud.url(),
        lambda_url: cloud.lambda().url(),
        s3_url: s3_endpoint.unwrap_or_else(|| cloud.objects().url()),
        supabase_url: supabase_url.unwrap_or_else(|| cloud.url()),
        environment: cloud.environment().clone(),
        direct_database_url: database.direct_url.clone(),
    };
    running
        .environment
        .insert("DATABASE_URL".to_owned(), database.any_url.clone());
    if cloud.has_issuer() {
        let ca_file = database.ca_file.as_deref();
        let url = &database.direct_url;
        for user in FIRST {
            migrations::make_user(
                url,
                ca_file,
                user.role,
                user.id,
                user.email,
                user.first_name,
                user.last_name,
            )
            .await?;
        }
        seed::demo_users(&running.url, cloud.issuer())
            .await
            .context("not all demo users could be registered")?;
    }
    claim.announce(&running)?;
    step.done(match cloud.has_issuer() {
        true => "The demo users are registered",
        false => "The functions can start",
    });
    Ok(Served {
        running,
        claim,
        cloud,
        database,
    })
}

/// Environment variables of the functions beyond the cloud's own.
fn environment(database: &Database, settings: &Settings) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    environment.extend(
        database
            .ca_file
            .clone()
            .map(|file| ("DATABASE_CA_FILE".to_owned(), file)),
    );
    let mut names = vec!["REQUIRE_AAL2", "NAMED_STATEMENTS"];
    if settings.supabase_url.is_some() {
        names.push("SUPABASE_JWT_SECRET");
    }
    if settings.s3_endpoint.is_some() {
        names.extend(S3_VARIABLES);
    }
    environment.extend(
        names
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), variable(name)?))),
    );
    environment
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn welcome(place: &Place, running: &Running, data: &std::path::Path) {
    let Running {
        url,
        lambda_url,
        s3_url,
        supabase_url,
        ..
    } = running;
    let dev = "cargo dev";
    let at = place
        .data
        .as_ref()
        .map_or(String::new(), |data| format!(" --data {}", data.display()));
    println!();
    println!("  keys     {supabase_url}{JWKS_PATH}");
    println!("  files    {s3_url} (S3)");
    println!("  lambda   {lambda_url} (Invoke API)");
    println!("  logs     {}", data.join("logs").display());
    if supabase_url == url {
        println!(
            "  tokens   {dev} token{at} --role patient|provider|admin|compliance_officer|importer"
        );
        println!();
        println!(
            "  Try      curl -H \"Authorization: Bearer $({dev} token{at} --role patient)\" {url}/v1/me"
        );
    } else {
        println!("  tokens   of {supabase_url}: there are no demo users");
        println!();
        println!(
            "  To sign in, make a user in the Supabase project, then make them an administrator here. SUB is the"
        );
        println!("  user's id in Supabase. Administrators make all other users.");
        println!();
        println!("           {dev} make-user{at} ADMIN SUB EMAIL FIRST_NAME LAST_NAME");
        println!();
        println!(
            "  Then sign in with Supabase, and send its access token. By default, an administrator needs a second factor."
        );
        println!();
        println!("  Try      curl -H \"Authorization: Bearer $ACCESS_TOKEN\" {url}/v1/me");
    }
    println!();
    println!("Caretrail is ready at {url}");
}
