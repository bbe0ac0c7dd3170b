//! Sends the same requests to the same functions over two databases alternately. One database is a
//! hundred times larger than the other. A cost that doesn't depend on the size has the ratio 1.
//! Also reports the tables that PostgreSQL read from end to end.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use client::Client;
use serde_json::Value;

use crate::figures::Ratio;
use crate::site::{Databases, Setup, Site, Size};

/// The number of patients in the smaller database.
const SMALL: Size = Size {
    patients: 10_000,
    audit_rows: 10_000,
};
/// The number of requests before the measured ones, which fill caches.
const WARM: usize = 10;
/// The number of the far page, with fifty patients a page.
const FAR_PAGE: u32 = 10_000;
/// The next number for a `#`. Databases that were kept have patients with lower numbers.
static NUMBER: AtomicU32 = AtomicU32::new(1);
const NEXT_NUMBER: &str = "
    select coalesce(max(substr(patient_number, 3)::integer), 0) + 1 from patients where patient_number ~ '^N-'";
/// Smaller tables may be read from end to end.
const SMALL_TABLE: f32 = 5_000.0;

pub async fn measure(
    binaries: &Path,
    size: Size,
    setup: Setup,
    rounds: usize,
    plans: Option<&Path>,
) -> Result<()> {
    let databases = Databases::start(setup).await?;
    let small = Site::open(&databases, "small", SMALL, binaries, 1).await?;
    let started = Instant::now();
    let large = Site::open(&databases, "large", size, binaries, 1).await?;
    eprintln!("filled in {:.0?}", started.elapsed());
    for site in [&small, &large] {
        let next = site.clinic.client.query_one(NEXT_NUMBER, &[]).await?;
        let next: i32 = next.get(0);
        NUMBER.fetch_max(next.cast_unsigned(), Ordering::Relaxed);
    }

    let scanned = scanned(&databases, &large, plans).await?;
    println!(
        "| request | as | rows, small | rows, large | {}, ms | {}, ms | ratio (ten blocks) | read from end to end |",
        SMALL.patients, size.patients
    );
    println!("|---|---|---:|---:|---:|---:|---:|---|");
    for (case, scanned) in CASES.iter().zip(scanned) {
        let (near, far) = (case.on(&small).await?, case.on(&large).await?);
        let mut rows = (0, 0);
        for _ in 0..WARM {
            rows = (near.send().await?.1, far.send().await?.1);
        }
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            pairs.push((near.send().await?.0, far.send().await?.0));
        }
        let ratio = Ratio::of(&pairs);
        let Case { what, user, .. } = case;
        println!(
            "| {what} | {user} | {} | {} | {ratio} | {scanned} |",
            rows.0, rows.1
        );
    }
    far_page(&large, size.patients, rounds).await?;
    small.cloud.shutdown().await;
    large.cloud.shutdown().await;
    Ok(())
}

/// A request. `<patient 1>` is replaced by that patient's id, `#` by a number that is new each
/// time.
struct Case {
    what: &'static str,
    user: &'static str,
    request: &'static str,
    body: &'static str,
}

const fn get(what: &'static str, user: &'static str, request: &'static str) -> Case {
    Case {
        what,
        user,
        request,
        body: "",
    }
}

/// A search of accounts.
const fn accounts(what: &'static str, body: &'static str) -> Case {
    Case {
        what,
        user: ADMIN,
        request: "POST /v1/users/search",
        body,
    }
}

const fn search(what: &'static str, user: &'static str, body: &'static str) -> Case {
    Case {
        what,
        user,
        request: "POST /v1/patients/search",
        body,
    }
}

const ADMIN: &str = "admin";
const PROVIDER: &str = "provider user 1";
const PATIENT: &str = "patient user 1";
const OFFICER: &str = "officer";

const CASES: &[Case] = &[
    search("search: a name of twenty", ADMIN, r#"{"name": "Zyzzyva"}"#),
    search(
        "search: the commonest name",
        ADMIN,
        r#"{"name": "Example"}"#,
    ),
    search("search: one letter", ADMIN, r#"{"name": "b"}"#),
    search(
        "search: two words in any order",
        ADMIN,
        r#"{"name": "zoe exam"}"#,
    ),
    search(
        "search: two common words that nobody has both",
        ADMIN,
        r#"{"name": "anla example"}"#,
    ),
    search(
        "search: a birth date of twenty",
        ADMIN,
        r#"{"date_of_birth": "1899-12-31"}"#,
    ),
    search(
        "search: any birth date",
        ADMIN,
        r#"{"date_of_birth": "1980-03-01"}"#,
    ),
    search("search: number", ADMIN, r#"{"patient_number": "P-77"}"#),
    search(
        "search: the commonest name and a birth date",
        ADMIN,
        r#"{"name": "Example", "date_of_birth": "1899-12-31"}"#,
    ),
    search(
        "search: one letter and birth date",
        ADMIN,
        r#"{"name": "z", "date_of_birth": "1899-12-31"}"#,
    ),
    search(
        "search: a name of twenty",
        PROVIDER,
        r#"{"name": "Zyzzyva"}"#,
    ),
    search(
        "search: the commonest name",
        PROVIDER,
        r#"{"name": "Example"}"#,
    ),
    search("search: one letter", PROVIDER, r#"{"name": "b"}"#),
    search(
        "search: two words in any order",
        PROVIDER,
        r#"{"name": "zoe exam"}"#,
    ),
    search(
        "search: two common words that nobody has both",
        PROVIDER,
        r#"{"name": "anla example"}"#,
    ),
    search(
        "search: a birth date of twenty",
        PROVIDER,
        r#"{"date_of_birth": "1899-12-31"}"#,
    ),
    search("search: number", PROVIDER, r#"{"patient_number": "P-77"}"#),
    accounts("search-users: a name of twenty", r#"{"name": "Zyzzyva"}"#),
    accounts(
        "search-users: a role of one",
        r#"{"name": "example", "role": "ADMIN"}"#,
    ),
    accounts(
        "search-users: an address",
        r#"{"username": "patient-77@example.org"}"#,
    ),
    get("list-providers", PATIENT, "GET /v1/providers"),
    get(
        "list-providers: a name",
        PATIENT,
        "GET /v1/providers?name=exa%20ver",
    ),
    Case {
        what: "create-patient, with likely duplicates",
        user: ADMIN,
        request: "POST /v1/patients",
        body: r#"{"user_id": "<newcomer #>", "patient_number": "N-#",
                  "date_of_birth": "1980-03-01", "gender": "unknown"}"#,
    },
    get("get-patient", PROVIDER, "GET /v1/patients/<patient 1>"),
    get("list-patients", ADMIN, "GET /v1/patients"),
    get("list-patients", PROVIDER, "GET /v1/patients"),
    get("list-appointments", ADMIN, "GET /v1/appointments"),
    get(
        "list-appointments: future",
        ADMIN,
        "GET /v1/appointments?status=SCHEDULED",
    ),
    get("list-appointments", PROVIDER, "GET /v1/appointments"),
    get(
        "list-appointments: future",
        PROVIDER,
        "GET /v1/appointments?status=SCHEDULED",
    ),
    get(
        "list-appointments: with names",
        PROVIDER,
        "GET /v1/appointments?expand=patient,provider",
    ),
    get("list-appointments", PATIENT, "GET /v1/appointments"),
    get(
        "list-records: of a patient with 2,001",
        PROVIDER,
        "GET /v1/medical-records?patient_id=<patient 1>",
    ),
    get("list-records", PROVIDER, "GET /v1/medical-records"),
    get("list-records", PATIENT, "GET /v1/medical-records"),
    get(
        "list-records: of a type that nobody has",
        PROVIDER,
        "GET /v1/medical-records?record_type=IMAGING",
    ),
    get("list-files", PROVIDER, "GET /v1/files"),
    Case {
        what: "create-record",
        user: PROVIDER,
        request: "POST /v1/medical-records",
        body: r#"{"patient_id": "<patient 2>", "record_type": "NOTE", "content": {"text": "Seen."}}"#,
    },
    get("list-audit-logs", OFFICER, "GET /v1/audit-logs"),
    get(
        "list-audit-logs: one patient",
        OFFICER,
        "GET /v1/audit-logs?patient_id=<patient 8>",
    ),
    get(
        "list-audit-logs: one actor",
        OFFICER,
        "GET /v1/audit-logs?user_id=<provider user 3>",
    ),
    get(
        "list-audit-logs: refusals",
        OFFICER,
        "GET /v1/audit-logs?outcome=DENIED",
    ),
];

impl Case {
    async fn on<'a>(&'a self, site: &'a Site) -> Result<Asked<'a>> {
        let client = site.caller(self.user).await?;
        Ok(Asked {
            case: self,
            site,
            client,
        })
    }
}

/// A case for one of the databases.
struct Asked<'a> {
    case: &'a Case,
    site: &'a Site,
    client: Client,
}

impl Asked<'_> {
    /// Returns the time of the answer and its number of rows.
    async fn send(&self) -> Result<(Duration, usize)> {
        let mut body = self.case.body.to_owned();
        if body.contains('#') {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            body = body.replace('#', &number.to_string());
        }
        let request = resolve(self.site, self.case.request).await?;
        let body = resolve(self.site, &body).await?;
        let body: Option<Value> = (!body.is_empty())
            .then(|| serde_json::from_str(&body))
            .transpose()?;
        let (method, path) = request
            .split_once(' ')
            .context("a request has a method and a path")?;
        let (time, answer) = timed(&self.client, method, path, body.as_ref()).await?;
        Ok((time, answer["items"].as_array().map_or(1, Vec::len)))
    }
}

async fn timed(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<(Duration, Value)> {
    let started = Instant::now();
    let answer = client.send(method.parse()?, path, body).await?;
    let time = started.elapsed();
    ensure!(
        answer.status().is_success(),
        "{method} {path} answered {}",
        answer.status()
    );
    Ok((time, serde_json::from_slice(answer.body())?))
}

async fn resolve(site: &Site, text: &str) -> Result<String> {
    let mut resolved = text.to_owned();
    while let Some((before, (name, after))) = resolved
        .split_once('<')
        .and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        resolved = format!("{before}{}{after}", site.clinic.id(name).await?);
    }
    Ok(resolved)
}

const EXPLAIN: &str = "
    alter role caretrail_people set session_preload_libraries = 'auto_explain';
    alter role caretrail_people set auto_explain.log_min_duration = 0;
    alter role caretrail_people set auto_explain.log_nested_statements = on;
    alter role caretrail_people set auto_explain.log_analyze = on";
const EXPLAIN_NO_MORE: &str = "
    alter role caretrail_people reset session_preload_libraries;
    alter role caretrail_people reset auto_explain.log_min_duration;
    alter role caretrail_people reset auto_explain.log_nested_statements;
    alter role caretrail_people reset auto_explain.log_analyze";
const LARGE_TABLES: &str = "select relname from pg_class where relkind = 'r' and reltuples > $1";

/// Sends each case once while the server logs every plan, including those of functions and
/// policies. Returns for each case the tables that its plans read from end to end.
async fn scanned(databases: &Databases, site: &Site, plans: Option<&Path>) -> Result<Vec<String>> {
    let client = &site.clinic.client;
    client.batch_execute(EXPLAIN).await?;
    let tables = client.query(LARGE_TABLES, &[&SMALL_TABLE]).await?;
    let tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    let mut all = String::new();
    let mut scanned = Vec::new();
    for case in CASES {
        let before = databases.log()?.len();
        case.on(site).await?.send().await?;
        let plan = databases.log()?.split_off(before);
        ensure!(plan.contains("Query Text"), "the server explained nothing");
        scanned.push(scans(&plan, &tables));
        writeln!(all, "=== {} as {}\n{plan}", case.what, case.user)?;
    }
    if let Some(file) = plans {
        std::fs::write(file, all)?;
    }
    client.batch_execute(EXPLAIN_NO_MORE).await?;
    // The measured functions connect again.
    for function in &site.template.functions {
        site.cloud.lambda().restart(&function.package);
    }
    Ok(scanned)
}

/// Returns the tables that the plan read from end to end.
fn scans(plan: &str, tables: &[String]) -> String {
    let scans: Vec<&str> = plan
        .lines()
        .filter(|line| !line.contains("never executed"))
        .filter_map(|line| line.split_once("Seq Scan on ")?.1.split(' ').next())
        .filter(|table| tables.iter().any(|name| name == table))
        .collect();
    match scans[..] {
        [] => "nothing".to_owned(),
        _ => scans.join(", "),
    }
}

/// Measures the first and the far page of all patients alternately.
async fn far_page(site: &Site, patients: u32, rounds: usize) -> Result<()> {
    let admin = site.caller(ADMIN).await?;
    let page = FAR_PAGE.min(patients / 50);
    let mut path = "/v1/patients?limit=50".to_owned();
    for _ in 1..page {
        let (_, answer) = timed(&admin, "GET", &path, None).await?;
        let cursor = answer["next_cursor"]
            .as_str()
            .context("there is no next page")?;
        path = format!("/v1/patients?limit=50&cursor={cursor}");
    }
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        let (first, _) = timed(&admin, "GET", "/v1/patients?limit=50", None).await?;
        let (far, _) = timed(&admin, "GET", &path, None).await?;
        pairs.push((first, far));
    }
    println!("\n| keyset page of 50 | first, ms | {page}th, ms | ratio (ten blocks) |");
    println!("|---|---:|---:|---:|");
    println!("| list-patients | {} |", Ratio::of(&pairs));
    Ok(())
}
