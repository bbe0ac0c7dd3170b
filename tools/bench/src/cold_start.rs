//! Measures the time from process spawn to first answer, alternately without and with TLS to the
//! database, and with secrets that are given instead of fetched. The gateway starts a process at the first request, so one request to a function
//! without a process contains the whole cold start.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use client::Client;
use local_cloud::cloud::FILES_BUCKET;
use local_cloud::template::{Function, Template};
use local_cloud::workspace;
use serde_json::{Value, json};

use crate::figures::median;
use crate::site::{Databases, Setup, Site, Size};

/// The number of requests after the first, before peak memory is read.
const WARM: usize = 200;

/// These functions have no caller, so they write no audit row. `health` answers 200 only if it reached the
/// database. The others don't need it.
const WITHOUT_CALLER: [&str; 8] = [
    "answer-unknown-route",
    "asyncapi",
    "docs",
    "get-problem",
    "health",
    "hello",
    "list-problems",
    "openapi",
];

/// What an event's function answers. Nobody waits for it, so it has no time budget.
const DONE: &str = "done";

/// Who sends the requests.
const CALLER: &str = "provider user 1";

/// How long to wait for PostgreSQL's statistics.
const PATIENCE: Duration = Duration::from_secs(5);

/// Budgets of time in milliseconds, of size and memory in megabytes.
const TIME: f64 = 25.0;
const TIME_OVER_TLS: f64 = 40.0;
const MEMORY: f64 = 15.0;
const SIZE: f64 = 6.0;
/// With the validator of custom data: docs/decisions/0009-custom-data.md.
const SIZE_WITH_CUSTOM_DATA: f64 = 8.5;
const SIZE_WITH_S3: f64 = 13.0;

/// A row of the table.
struct Measured {
    function: String,
    size: f64,
    /// The allowed size.
    size_budget: f64,
    in_clear: f64,
    over_tls: f64,
    given_secrets: f64,
    memory: f64,
    /// What the function answers to the request.
    answer: String,
    /// Whether each cold start included the database, if the function has one.
    is_whole: bool,
}

/// Measures these functions, or all of them if none is named. Errors: one isn't built or doesn't reach its
/// database, or a budget is exceeded.
pub async fn measure(binaries: &Path, functions: &[String], rounds: usize) -> Result<()> {
    let names = names(functions)?;
    let tls = Setup {
        tls: true,
        ..Setup::default()
    };
    let given = Setup {
        given_secrets: true,
        ..Setup::default()
    };
    let mut databases = Vec::new();
    let mut sites = Vec::new();
    for setup in [Setup::default(), tls, given] {
        let started = Databases::start(setup).await?;
        sites.push(Site::open(&started, "bench", Size::SMALL, binaries, 1).await?);
        databases.push(started);
    }
    let mut rows = Vec::new();
    let built = |name: &String| {
        let function = sites[0].template.function(name);
        function.with_context(|| format!("{name} isn't in {}: build it first", binaries.display()))
    };
    let functions: Vec<&Function> = names.iter().map(built).collect::<Result<_>>()?;
    for function in functions {
        let measured = measure_function(&sites, function, rounds).await;
        rows.push(measured.with_context(|| function.package.clone())?);
    }
    println!(
        "| function | binary, MB | spawn → first answer, ms (median of {rounds}) | over TLS, ms | secrets given, ms | peak RSS, MB | answer |"
    );
    println!("|---|---:|---:|---:|---:|---:|---|");
    for row in &rows {
        println!(
            "| {} | {:.2} | {:.1} | {:.1} | {:.1} | {:.1} | {} |",
            row.function,
            row.size,
            row.in_clear,
            row.over_tls,
            row.given_secrets,
            row.memory,
            row.answer
        );
    }
    for site in sites {
        site.cloud.shutdown().await;
    }
    let faults: Vec<_> = rows.iter().flat_map(Measured::faults).collect();
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// The functions to measure: the reference, and every function of the template.
fn names(functions: &[String]) -> Result<Vec<String>> {
    if !functions.is_empty() {
        return Ok(functions.to_vec());
    }
    let template = Template::read(&workspace::root().join("template.yaml"))?;
    let all = template
        .functions
        .into_iter()
        .map(|function| function.package);
    Ok(std::iter::once("hello".to_owned()).chain(all).collect())
}

async fn measure_function(sites: &[Site], function: &Function, rounds: usize) -> Result<Measured> {
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let mut answer = String::new();
    let mut is_whole = true;
    for _ in 0..rounds {
        for (site, times) in sites.iter().zip(&mut times) {
            let start = cold_start(site, function).await?;
            times.push(start.time);
            answer = start.answer;
            is_whole &= start.is_whole;
        }
    }
    let plain = &sites[0];
    let caller = plain.caller(CALLER).await?;
    for _ in 0..WARM {
        request(plain, &caller, function).await?;
    }
    let path = plain.binaries.join(&function.package).canonicalize()?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let [in_clear, over_tls, given_secrets] = times.map(median);
    Ok(Measured {
        function: function.package.clone(),
        size: megabytes(std::fs::metadata(&path)?.len()),
        size_budget: size_budget(function)?,
        in_clear,
        over_tls,
        given_secrets,
        memory: megabytes(peak_memory(&path)?),
        answer,
        is_whole,
    })
}

impl Measured {
    /// Returns what is wrong with the result.
    fn faults(&self) -> Vec<String> {
        let mut budgets = vec![
            ("binary, MB", self.size, self.size_budget),
            ("peak RSS, MB", self.memory, MEMORY),
        ];
        if self.answer != DONE {
            budgets.extend([
                ("first answer, ms", self.in_clear, TIME),
                ("first answer over TLS, ms", self.over_tls, TIME_OVER_TLS),
            ]);
        }
        let exceeded = budgets
            .into_iter()
            .filter(|(_, figure, budget)| figure > budget)
            .map(|(what, figure, budget)| format!("{what}: {figure:.2}, allowed {budget}"));
        let missed = (!self.is_whole)
            .then(|| format!("answered {} without reaching its database", self.answer));
        exceeded
            .chain(missed)
            .map(|fault| format!("{}: {fault}", self.function))
            .collect()
    }
}

fn size_budget(function: &Function) -> Result<f64> {
    if function.environment.contains_key("FILES_BUCKET") {
        return Ok(SIZE_WITH_S3);
    }
    for folder in std::fs::read_dir(workspace::root().join("functions"))? {
        let manifest = folder?.path().join(&function.package).join("Cargo.toml");
        if std::fs::read_to_string(manifest).is_ok_and(|text| text.contains("\ncustom-data.")) {
            return Ok(SIZE_WITH_CUSTOM_DATA);
        }
    }
    Ok(SIZE)
}

struct ColdStart {
    time: Duration,
    answer: String,
    is_whole: bool,
}

async fn cold_start(site: &Site, function: &Function) -> Result<ColdStart> {
    site.stop(&function.package).await;
    let caller = site.caller(CALLER).await?;
    let before = traces(site, function).await?;
    let started = Instant::now();
    let answer = request(site, &caller, function).await?;
    let time = started.elapsed();
    let is_whole = if WITHOUT_CALLER.contains(&function.package.as_str()) {
        answer == "200"
    } else {
        left_a_trace(site, function, before).await?
    };
    Ok(ColdStart {
        time,
        answer,
        is_whole,
    })
}

/// Whether the function has left more traces in the database than before.
async fn left_a_trace(site: &Site, function: &Function, before: i64) -> Result<bool> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if traces(site, function).await? > before {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(false)
}

/// Returns the number of audit rows of the function. A job with nothing to do writes none and abandons its
/// transaction, so abandoned transactions count, too. PostgreSQL counts them a moment later.
async fn traces(site: &Site, function: &Function) -> Result<i64> {
    let count = if function.routes.is_empty() {
        "select (select count(*) from audit_logs where application = $1::text)
          + (select xact_rollback from pg_stat_database where datname = current_database())"
    } else {
        "select count(*) from audit_logs where application = $1::text"
    };
    let database = &site.clinic.client;
    let row = database.query_one(count, &[&function.package]).await?;
    Ok(row.get(0))
}

/// Sends the function's event, and returns the status of the answer. A provider sends it. For functions that
/// read a patient this is a real read; others find nothing or are refused.
async fn request(site: &Site, client: &Client, function: &Function) -> Result<String> {
    let event = event(&function.package)?;
    let Some(method) = event["requestContext"]["http"]["method"].as_str() else {
        make_object(site, &event)?;
        let done = site.cloud.invoke(&function.package, &event).await;
        return Ok(done.map_or("failed", |_| DONE).to_owned());
    };
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    let path = match function.package.as_str() {
        "get-patient" => format!("/v1/patients/{}", site.clinic.id("patient 1").await?),
        _ => format!("{}?{}", text("rawPath"), text("rawQueryString")),
    };
    let mut request = client.request(method.parse()?, path.trim_end_matches('?'));
    for header in ["content-type", "if-match"] {
        if let Some(value) = event["headers"][header].as_str() {
            request = request.header(header, value);
        }
    }
    let request = request.body(text("body").to_owned().into())?;
    let answer = client.send_request(request).await?;
    Ok(answer.status().as_u16().to_string())
}

/// Returns the function's event from the folder `events`.
fn event(function: &str) -> Result<Value> {
    if function == "hello" {
        return Ok(
            json!({ "rawPath": "/hello", "requestContext": { "http": { "method": "GET" } } }),
        );
    }
    let file = workspace::root().join(format!("events/{function}.json"));
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    // Functions ignore another version of an object than the one that is there.
    for place in ["/Records/0/s3/object", "/detail/s3ObjectDetails"] {
        if let Some(object) = event.pointer_mut(place).and_then(Value::as_object_mut) {
            object.remove("versionId");
        }
    }
    Ok(event)
}

/// Makes the empty object that an event is about. Functions look for the object before they look for its
/// row, and compare its ETag with the one of the event.
fn make_object(site: &Site, event: &Value) -> Result<()> {
    let keys = [
        "/Records/0/s3/object/key",
        "/detail/s3ObjectDetails/objectKey",
    ];
    if let Some(key) = keys.iter().find_map(|place| event.pointer(place)?.as_str()) {
        let path = site.cloud.objects().path(FILES_BUCKET, key);
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        std::fs::write(path, "")?;
    }
    Ok(())
}

/// Returns the highest `VmHWM` of the processes that run this binary, in bytes.
pub fn peak_memory(binary: &Path) -> Result<u64> {
    let mut peak = None;
    for process in std::fs::read_dir("/proc")? {
        let process = process?.path();
        if std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == binary) {
            let status = std::fs::read_to_string(process.join("status"))?;
            let kilobytes = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))
                .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            peak = peak.max(kilobytes);
        }
    }
    peak.map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| anyhow::anyhow!("no process runs {}", binary.display()))
}
