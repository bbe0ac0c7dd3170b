//! Sends audited requests while functions, the sealer and the database are killed at random. Then it verifies the audit
//! log with every verdict required. It measures no speed, so it has no reference.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use http::Method;
use local_cloud::verification;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;
use verify::report::Aspect;

use crate::site::{Databases, Setup, Site, Size, kill};

/// How many seconds after its end a minute is reconciled.
const RECONCILE_AFTER: u64 = 15;

/// The instances of each function.
const INSTANCES: usize = 4;

/// One kill in so many is the sealer's.
const SEALER_EVERY: u8 = 6;

/// How much to do.
pub struct Plan {
    /// The number of requests.
    pub requests: u64,
    /// The number of concurrent callers.
    pub clients: usize,
    /// The seed of all that is random.
    pub seed: u64,
}

/// What was done.
#[derive(Default)]
struct Tally {
    sent: AtomicU64,
    /// The number of answers by status. 0 is a connection without answer.
    answers: Mutex<BTreeMap<u16, u64>>,
    functions: AtomicU64,
    sealers: AtomicU64,
    databases: AtomicU64,
    seals: AtomicU64,
    is_over: AtomicBool,
}

impl Tally {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// Runs the soak. Errors: a verdict is not intact, or something can't be started.
pub async fn run(binaries: &Path, plan: &Plan) -> Result<()> {
    // The data must outlive the server that is killed.
    let databases = Databases::start(Setup {
        fsync: true,
        environment: vec![("AUDIT_RECONCILE_AFTER", RECONCILE_AFTER.to_string())],
        ..Setup::default()
    })
    .await?;
    let size = Size {
        patients: 20,
        audit_rows: 0,
    };
    let site = Arc::new(Site::open(&databases, "soak", size, binaries, INSTANCES).await?);
    let tally = Arc::new(Tally::default());
    let began = Instant::now();

    let mut callers = JoinSet::new();
    for caller in 0..plan.clients as u64 {
        let random = fastrand::Rng::with_seed(plan.seed + caller);
        callers.spawn(call(site.clone(), tally.clone(), plan.requests, random));
    }
    let killer = fastrand::Rng::with_seed(plan.seed + 1000);
    let killing = tokio::spawn(kill_processes(site.clone(), tally.clone(), killer));
    let sealing = tokio::spawn(seal(site.clone(), tally.clone()));
    let mut random = fastrand::Rng::with_seed(plan.seed + 2000);
    while !callers.is_empty() {
        let pause = sleep(Duration::from_millis(random.u64(10_000..25_000)));
        tokio::select! {
            caller = callers.join_next() => caller.transpose()?.unwrap_or(Ok(()))?,
            () = pause => {
                databases.crash().await?;
                tally.databases.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    tally.is_over.store(true, Ordering::Relaxed);
    killing.await??;
    sealing.await?;
    report(&tally, began.elapsed())?;
    // The last minute is reconciled when it is over.
    sleep(Duration::from_secs(65 + RECONCILE_AFTER)).await;
    let last = site.cloud.invoke("seal-audit", &json!({})).await?;
    println!("the last run of the sealer: {last}");
    verify_all(&databases, &site).await
}

/// Sends requests until there are enough of all callers: reads, a refusal now and then, and new records.
async fn call(
    site: Arc<Site>,
    tally: Arc<Tally>,
    requests: u64,
    mut random: fastrand::Rng,
) -> Result<()> {
    let provider = site.caller("provider user 1").await?;
    let patient = site.caller("patient user 1").await?;
    let [own, other] = [
        site.clinic.id("patient 1").await?,
        site.clinic.id("patient 2").await?,
    ];
    while tally.sent.fetch_add(1, Ordering::Relaxed) < requests {
        let (client, method, path, body) = match random.u8(0..40) {
            0..20 => (&provider, Method::GET, format!("/v1/patients/{own}"), None),
            20..28 => (&patient, Method::GET, "/v1/me".to_owned(), None),
            28..35 => {
                let list = "/v1/medical-records?limit=5".to_owned();
                (&provider, Method::GET, list, None)
            }
            35 => (&patient, Method::GET, format!("/v1/patients/{other}"), None),
            _ => {
                let note = json!({
                    "patient_id": own,
                    "record_type": "NOTE",
                    "content": {"text": "Seen."},
                });
                let create = "/v1/medical-records".to_owned();
                (&provider, Method::POST, create, Some(note))
            }
        };
        let status = match client.send(method, &path, body.as_ref()).await {
            Ok(response) => response.status().as_u16(),
            Err(_) => 0,
        };
        let mut answers = tally
            .answers
            .lock()
            .map_err(|_| anyhow!("a caller panicked"))?;
        *answers.entry(status).or_default() += 1;
    }
    Ok(())
}

/// Seals again and again.
async fn seal(site: Arc<Site>, tally: Arc<Tally>) {
    while !tally.is_over() {
        if site.cloud.invoke("seal-audit", &json!({})).await.is_ok() {
            tally.seals.fetch_add(1, Ordering::Relaxed);
        }
        sleep(Duration::from_millis(300)).await;
    }
}

/// Kills one of the functions' processes after the other.
async fn kill_processes(
    site: Arc<Site>,
    tally: Arc<Tally>,
    mut random: fastrand::Rng,
) -> Result<()> {
    // Linux keeps the first 15 bytes of a process's name.
    let functions = site.template.functions.iter();
    let functions: BTreeSet<String> = functions
        .map(|function| function.package.chars().take(15).collect())
        .collect();
    while !tally.is_over() {
        sleep(Duration::from_millis(random.u64(200..1500))).await;
        let mut processes = children()?;
        // Others start PostgreSQL.
        processes.retain(|(_, name)| functions.contains(name));
        // A sealer that is always killed would never finish what another one left.
        let sealer = random.u8(0..SEALER_EVERY) == 0;
        processes.retain(|(_, name)| (name == "seal-audit") == sealer);
        if processes.is_empty() {
            continue;
        }
        let (process, name) = processes.swap_remove(random.usize(..processes.len()));
        // It may have ended by itself.
        if kill(process).is_ok() {
            let killed = match &*name {
                "seal-audit" => &tally.sealers,
                _ => &tally.functions,
            };
            killed.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// The processes that this one started, with their names.
pub fn children() -> Result<Vec<(u32, String)>> {
    let ours = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let process = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        // A process may end meanwhile.
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        // The name stands in parentheses. The state and the parent follow.
        let parts = stat.rsplit_once(')');
        let named = parts.and_then(|(head, tail)| Some((head.split_once('(')?.1, tail)));
        if let (Some(process), Some((name, tail))) = (process, named)
            && tail.split_whitespace().nth(1) == Some(&ours)
        {
            found.push((process, name.to_owned()));
        }
    }
    Ok(found)
}

fn report(tally: &Tally, time: Duration) -> Result<()> {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let answers = tally
        .answers
        .lock()
        .map_err(|_| anyhow!("a caller panicked"))?;
    println!(
        "{} requests in {:.0} s; the sealer finished {} times",
        answers.values().sum::<u64>(),
        time.as_secs_f64(),
        count(&tally.seals),
    );
    for (status, count) in &*answers {
        println!("  status {status}: {count}");
    }
    println!(
        "killed: {} functions, {} sealers, {} times the database",
        count(&tally.functions),
        count(&tally.sealers),
        count(&tally.databases),
    );
    Ok(())
}

/// Verifies everything. Errors: a verdict is not intact.
async fn verify_all(databases: &Databases, site: &Site) -> Result<()> {
    let (s3, database) = (site.cloud.objects().url(), databases.superuser_url("soak"));
    let inputs = verification::inputs(&site.data, site.cloud.environment(), &s3, &database)?;
    let report = verify::verify(&inputs)
        .await
        .map_err(|error| anyhow!(error))?;
    print!("{report}");
    ensure!(
        report.exit_code(&Aspect::ALL) == 0,
        "not every verdict is intact"
    );
    Ok(())
}
