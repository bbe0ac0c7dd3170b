//! Reads the logs of functions and gateway, and looks for the audit rows that they prove.
//!
//! Lines are looked up in the database while they are read, some thousands at a time, so what is kept in memory doesn't
//! grow with them. A line is read before its row is looked up: what it says has happened by then.

use std::collections::{HashMap, HashSet};

use audit::lines::{LANDED, OFFERED, OPENED};
use chrono::DateTime;
use domain::time::Timestamp;
use serde::Deserialize;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use transparency_log::{Failure, Hash};
use uuid::Uuid;

use crate::awaited::{Awaited, Miss};
use crate::log_lines::{Line, Lines};
use crate::progress::Bar;
use crate::report::{Aspect, Report, Subject};
use crate::sealed::Sealed;
use crate::{Inputs, database};

use Aspect::{Authenticity, Completeness};

/// How many rows are looked up at once.
const AT_ONCE: usize = 5000;

/// A request that began within this time before the end of the log may still be at work, in milliseconds.
const AT_WORK: i64 = 60_000;

/// The message of a function's last line about a request.
const ANSWERED: &str = "request answered";

/// The message of a function's last line about an event.
const HANDLED: &str = "event handled";

/// What the logs say that rows are compared with.
#[derive(Debug, Default)]
pub struct Logged {
    /// The key of each chain that a function announced.
    pub opened: HashMap<Uuid, Opened>,
    /// The times of the first and the last line of the functions' log, in milliseconds since 1970. None if the log was
    /// not given or is empty.
    pub range: Option<(i64, i64)>,
    /// What the lines name and the database doesn't have.
    pub awaited: Awaited,
}

/// What an open line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The key of the chain.
    pub public_key: [u8; 32],
    /// The function that writes it.
    pub function: String,
}

/// The members of lines that are of interest.
#[derive(Deserialize)]
struct Record {
    message: Option<String>,
    timestamp: Option<String>,
    time: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    chain_id: Option<Uuid>,
    seq: Option<i64>,
    row_hash: Option<String>,
    public_key: Option<String>,
    function: Option<String>,
    request_id: Option<String>,
    status: Option<u16>,
    rows: Option<i64>,
    record: Option<Platform>,
}

/// What Lambda itself says of an invocation.
#[derive(Deserialize)]
struct Platform {
    #[serde(rename = "requestId")]
    request_id: Option<String>,
    status: Option<String>,
}

/// A line of the gateway, as `template.yaml` sets its form.
#[derive(Deserialize)]
struct Access {
    request_id: String,
    method: Option<String>,
    route: String,
    status: String,
    integration_request_id: Option<String>,
    /// Milliseconds since 1970.
    time_epoch: Option<String>,
}

/// A committed row, as its landed line names it.
struct Landed {
    request_id: String,
    chain_id: Uuid,
    seq: i64,
    row_hash: Hash,
    /// When the line was written, in milliseconds since 1970.
    time: Option<i64>,
}

/// A request that must have a row.
struct Audited {
    status: u16,
    /// When it was answered, in milliseconds since 1970.
    time: Option<i64>,
}

/// A row that was about to be sent and for whose request no committed row is known yet.
#[derive(Debug)]
struct Offer {
    chain_id: Uuid,
    seq: i64,
    time: Option<i64>,
    stream: Option<String>,
    /// The status of the answer, as the function or the gateway logged it.
    status: Option<u16>,
}

/// Reads the logs that were given. What the database doesn't have waits for archived months, if there are any.
pub async fn read(
    inputs: &Inputs,
    sealed: &Sealed,
    client: Option<&Client>,
    has_archive: bool,
    report: &mut Report,
) -> Result<Logged, Failure> {
    let mut reader = Reader {
        inputs,
        sealed,
        client,
        report,
        logged: Logged {
            awaited: Awaited::new(has_archive),
            ..Logged::default()
        },
        offers: HashMap::new(),
        unfinished: HashMap::new(),
        crashed: HashSet::new(),
        knows_platform: false,
        landed: Vec::new(),
        handled: HashMap::new(),
        audited: HashMap::new(),
        lost: HashSet::new(),
    };
    reader.read_functions().await?;
    reader.read_gateway().await?;
    reader.judge_offers().await?;
    Ok(reader.logged)
}

struct Reader<'a> {
    inputs: &'a Inputs,
    sealed: &'a Sealed,
    client: Option<&'a Client>,
    report: &'a mut Report,
    logged: Logged,
    offers: HashMap<String, Offer>,
    /// The invocations without successful report, and the stream of each.
    unfinished: HashMap<String, Option<String>>,
    /// The streams in which an invocation failed.
    crashed: HashSet<String>,
    /// Whether the functions' log has lines of Lambda itself.
    knows_platform: bool,
    landed: Vec<Landed>,
    /// The invocations of jobs, with the number of rows that each committed and the time of its last line. Lambda repeats a
    /// failed event under the same id, so this is the sum over its lines.
    handled: HashMap<String, (i64, Option<i64>)>,
    /// The requests that must have a row.
    audited: HashMap<String, Audited>,
    /// The requests of rows that a restored database lost, as an operator stated.
    lost: HashSet<String>,
}

impl Reader<'_> {
    async fn read_functions(&mut self) -> Result<(), Failure> {
        if self.inputs.function_log.is_empty() {
            let reason = "The log of the functions was not given.";
            self.report.unchecked(Completeness, reason);
            return Ok(());
        }
        let mut bar = Bar::spinner("lines of the functions' log");
        let mut last = None;
        for line in Lines::open(&self.inputs.function_log)? {
            let line = line?;
            self.report.counts.function_lines += 1;
            bar.set(self.report.counts.function_lines);
            self.read_function_line(&line);
            if self.landed.len() >= AT_ONCE || self.handled.len() >= AT_ONCE {
                self.look_up_landed().await?;
                self.look_up_handled().await?;
            }
            last = Some(line);
        }
        if let (Some((_, until)), Some(line)) = (&mut self.logged.range, &last) {
            *until = time_of(line).map_or(*until, |time| time.max(*until));
        }
        if let (Some((_, until)), Some(end)) = (&mut self.logged.range, self.inputs.logs_until) {
            *until = end.microseconds().div_euclid(1000);
        }
        self.look_up_landed().await?;
        self.look_up_handled().await
    }

    fn read_function_line(&mut self, line: &Line) {
        if self.logged.range.is_none() {
            self.logged.range = time_of(line).map(|time| (time, time));
        }
        // Most lines are of no interest, and parsing takes time.
        let message = &line.message;
        let is_of_interest = [OPENED, OFFERED, LANDED, ANSWERED, HANDLED, "platform."]
            .iter()
            .any(|part| message.contains(part));
        if !is_of_interest {
            return;
        }
        let Ok(record) = serde_json::from_str::<Record>(message) else {
            return;
        };
        let time = line.time.or_else(|| record.milliseconds());
        if let (Some((since, until)), Some(time)) = (&mut self.logged.range, time) {
            *since = time.min(*since);
            *until = time.max(*until);
        }
        match record.message.as_deref() {
            Some(OPENED) => self.open(record),
            Some(OFFERED) => {
                if let (Some(request_id), Some(chain_id), Some(seq)) =
                    (record.request_id, record.chain_id, record.seq)
                {
                    let offer = Offer {
                        chain_id,
                        seq,
                        time,
                        stream: line.stream.clone(),
                        status: None,
                    };
                    self.offers.insert(request_id, offer);
                }
            }
            Some(LANDED) => self.land(record, time),
            Some(ANSWERED) => {
                let offer = record
                    .request_id
                    .and_then(|request_id| self.offers.get_mut(&request_id));
                if let Some(offer) = offer {
                    offer.status = record.status;
                }
            }
            Some(HANDLED) => {
                if let (Some(request_id), Some(rows)) = (record.request_id, record.rows) {
                    let handled = self.handled.entry(request_id).or_default();
                    *handled = (handled.0 + rows, time);
                }
            }
            _ => self.read_platform(&record, line),
        }
    }

    fn open(&mut self, record: Record) {
        let key = record.public_key.as_deref().and_then(bytes);
        let (Some(chain_id), Some(public_key), Some(function)) =
            (record.chain_id, key, record.function)
        else {
            return;
        };
        let opened = Opened {
            public_key,
            function,
        };
        let known = self.logged.opened.entry(chain_id);
        let known = known.or_insert_with(|| opened.clone());
        if *known != opened {
            let reason = "The functions' log announces two different keys for the chain.";
            self.report
                .violated(Authenticity, Subject::Chain(chain_id), reason);
        }
    }

    fn land(&mut self, record: Record, time: Option<i64>) {
        let row_hash = record.row_hash.as_deref().and_then(bytes);
        if let (Some(request_id), Some(chain_id), Some(seq), Some(row_hash)) =
            (record.request_id, record.chain_id, record.seq, row_hash)
        {
            self.offers.remove(&request_id);
            self.landed.push(Landed {
                request_id,
                chain_id,
                seq,
                row_hash,
                time,
            });
        }
    }

    fn read_platform(&mut self, record: &Record, line: &Line) {
        let Some(kind) = &record.kind else {
            return;
        };
        self.knows_platform = true;
        let platform = record.record.as_ref();
        let invocation = platform.and_then(|platform| platform.request_id.clone());
        let is_success =
            platform.is_some_and(|platform| platform.status.as_deref() == Some("success"));
        match (kind.as_str(), invocation) {
            ("platform.start", Some(invocation)) => {
                self.unfinished.insert(invocation, line.stream.clone());
            }
            ("platform.report", Some(invocation)) if is_success => {
                self.unfinished.remove(&invocation);
            }
            ("platform.report" | "platform.fault", _) if !is_success => {
                self.crashed.extend(line.stream.clone());
            }
            _ => {}
        }
    }

    async fn look_up_landed(&mut self) -> Result<(), Failure> {
        let landed = std::mem::take(&mut self.landed);
        let Some(client) = self.client.filter(|_| !landed.is_empty()) else {
            return Ok(());
        };
        let requests: Vec<_> = landed.iter().map(|row| row.request_id.as_str()).collect();
        let chains: Vec<_> = landed.iter().map(|row| row.chain_id).collect();
        let seqs: Vec<_> = landed.iter().map(|row| row.seq).collect();
        let hashes: Vec<_> = landed.iter().map(|row| &row.row_hash[..]).collect();
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&requests, Type::TEXT_ARRAY),
            (&chains, Type::UUID_ARRAY),
            (&seqs, Type::INT8_ARRAY),
            (&hashes, Type::BYTEA_ARRAY),
        ];
        for row in client
            .query_typed(database::LANDED_WITHOUT_ROW, &parameters)
            .await?
        {
            let number: i64 = row.try_get(0)?;
            let Some(line) = landed.get(number.unsigned_abs() as usize - 1) else {
                continue;
            };
            let (request_id, chain_id, seq) = (&line.request_id, line.chain_id, line.seq);
            if self.sealed.lost.contains(&(chain_id, seq)) {
                self.lost.insert(request_id.clone());
                continue;
            }
            let miss = Miss {
                subject: Some(Subject::place(chain_id, seq)),
                reason: format!(
                    "The function that wrote the row for the request {request_id} logged that it is committed, but the row doesn't exist as it was committed."
                ),
                time: line.time,
            };
            let awaited = &mut self.logged.awaited;
            awaited.landed((chain_id, seq), line.row_hash, miss, self.report);
        }
        Ok(())
    }

    async fn look_up_handled(&mut self) -> Result<(), Failure> {
        let handled = std::mem::take(&mut self.handled);
        let Some(client) = self.client.filter(|_| !handled.is_empty()) else {
            return Ok(());
        };
        let (invocations, rows): (Vec<&String>, Vec<i64>) =
            handled.iter().map(|(id, (rows, _))| (id, *rows)).unzip();
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&invocations, Type::TEXT_ARRAY), (&rows, Type::INT8_ARRAY)];
        for row in client
            .query_typed(database::HANDLED_WITHOUT_ROWS, &parameters)
            .await?
        {
            let (invocation, rows, found): (String, i64, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if !self.sealed.lost.is_empty() {
                continue;
            }
            let miss = Miss {
                subject: Some(Subject::Request(invocation.clone())),
                reason: format!(
                    "The function logged that the invocation committed {rows} audit rows, but the database has {found} of it."
                ),
                time: handled.get(&invocation).and_then(|(_, time)| *time),
            };
            let awaited = &mut self.logged.awaited;
            awaited.handled(invocation, rows - found, miss, self.report);
        }
        Ok(())
    }

    async fn read_gateway(&mut self) -> Result<(), Failure> {
        if self.inputs.gateway_log.is_empty() {
            let reason = "The log of the gateway was not given.";
            self.report.unchecked(Completeness, reason);
            return Ok(());
        }
        let mut bar = Bar::spinner("lines of the gateway's log");
        for line in Lines::open(&self.inputs.gateway_log)? {
            let line = line?;
            self.report.counts.gateway_lines += 1;
            bar.set(self.report.counts.gateway_lines);
            let Ok(access) = serde_json::from_str::<Access>(&line.message) else {
                continue;
            };
            let status = access.status.parse().unwrap_or_default();
            if let Some(offer) = self.offers.get_mut(&access.request_id) {
                offer.status = Some(status);
            }
            if access.must_have_row(status, &self.inputs.public_routes) {
                let time = access.time_epoch.as_deref();
                let time = time.and_then(|time| time.parse().ok()).or(line.time);
                self.audited
                    .insert(access.request_id, Audited { status, time });
            }
            if self.audited.len() >= AT_ONCE {
                self.look_up_audited().await?;
            }
        }
        self.look_up_audited().await
    }

    async fn look_up_audited(&mut self) -> Result<(), Failure> {
        let audited = std::mem::take(&mut self.audited);
        let Some(client) = self.client.filter(|_| !audited.is_empty()) else {
            return Ok(());
        };
        let ids: Vec<_> = audited.keys().collect();
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&ids, Type::TEXT_ARRAY)];
        for row in client
            .query_typed(database::REQUESTS_WITHOUT_ROW, &parameters)
            .await?
        {
            let id: String = row.try_get(0)?;
            if self.lost.contains(&id) {
                continue;
            }
            let Some(Audited { status, time }) = audited.get(&id) else {
                continue;
            };
            let miss = Miss {
                subject: Some(Subject::Request(id.clone())),
                reason: format!(
                    "The gateway logged that the request was answered {status}, but no audit row of it exists."
                ),
                time: *time,
            };
            self.logged.awaited.request(id, miss, self.report);
        }
        Ok(())
    }

    /// Judges the offers whose request has no landed line.
    async fn judge_offers(&mut self) -> Result<(), Failure> {
        let Some(client) = self.client else {
            if self.logged.range.is_some() {
                let reason = "The database was not given, so the lines of the logs weren't compared with its rows.";
                self.report.unchecked(Completeness, reason);
            }
            return Ok(());
        };
        let end = self.logged.range.map_or(0, |(_, until)| until);
        let ids: Vec<String> = self.offers.keys().cloned().collect();
        for ids in ids.chunks(AT_ONCE) {
            let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&ids, Type::TEXT_ARRAY)];
            for row in client
                .query_typed(database::REQUESTS_WITHOUT_ROW, &parameters)
                .await?
            {
                let id: String = row.try_get(0)?;
                if let Some(offer) = self.offers.remove(&id)
                    && !self.lost.contains(&id)
                    && offer
                        .time
                        .is_none_or(|time| time < end - AT_WORK || offer.status.is_some())
                {
                    self.judge_offer(id, &offer);
                }
            }
        }
        Ok(())
    }

    fn judge_offer(&mut self, id: String, offer: &Offer) {
        let step_of = id.split_once('/').map(|(invocation, _)| invocation);
        let reason = match offer.status {
            // Nothing was changed, or the answer said that this is unknown. Refusals beyond a limit have no row.
            Some(status) if status >= 500 || is_exempt(status) => return,
            Some(status) => Ok(format!(
                "The function was about to write a row for the request {id}, which was answered {status}, but no row of the request exists."
            )),
            None if self.is_crashed(step_of, offer) => return,
            None if step_of.is_some() && self.knows_platform => Ok(format!(
                "The function was about to write a row for the step {id} of an invocation that succeeded, but no row of the step exists."
            )),
            None => Err(format!(
                "No line says what became of the request {id}, whose row was about to be written. The gateway's log and the lines of Lambda itself would."
            )),
        };
        let subject = Subject::place(offer.chain_id, offer.seq);
        let miss = Miss {
            subject: reason.is_ok().then_some(subject),
            reason: reason.unwrap_or_else(|reason| reason),
            time: offer.time,
        };
        self.logged.awaited.request(id, miss, self.report);
    }

    /// Whether an environment died that was about to write a row. `step_of` is the invocation, if it wrote a step of a job.
    fn is_crashed(&self, step_of: Option<&str>, offer: &Offer) -> bool {
        match step_of {
            Some(invocation) => self.unfinished.contains_key(invocation),
            None => offer.stream.as_ref().is_some_and(|stream| {
                self.crashed.contains(stream)
                    || self
                        .unfinished
                        .values()
                        .any(|unfinished| unfinished.as_ref() == Some(stream))
            }),
        }
    }
}

impl Access {
    /// Whether the request must have an audit row.
    fn must_have_row(&self, status: u16, public_routes: &[String]) -> bool {
        let is_preflight = self.method.as_deref() == Some("OPTIONS");
        let reached_function = self
            .integration_request_id
            .as_deref()
            .is_none_or(|id| id != "-");
        let is_public = public_routes.contains(&self.route);
        // If the answer is 5xx, nothing was changed, or the answer said that this is unknown.
        self.route != "-"
            && reached_function
            && !is_preflight
            && !is_public
            && !is_exempt(status)
            && status < 500
    }
}

/// Whether a request with this status has no audit row: the caller isn't known, or too many of their requests were
/// refused.
fn is_exempt(status: u16) -> bool {
    status == 401 || status == 429
}

impl Record {
    fn milliseconds(&self) -> Option<i64> {
        let time = self.timestamp.as_ref().or(self.time.as_ref())?;
        let time = DateTime::parse_from_rfc3339(time).ok()?;
        Some(time.timestamp_millis())
    }
}

fn time_of(line: &Line) -> Option<i64> {
    line.time.or_else(|| {
        let record: Record = serde_json::from_str(&line.message).ok()?;
        record.milliseconds()
    })
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    hex::decode(digits).ok()?.try_into().ok()
}

impl Logged {
    /// Whether the functions' log must have the open line of a chain whose row was written at this time.
    pub fn covers(&self, time: Timestamp) -> bool {
        let time = time.microseconds().div_euclid(1000);
        self.range
            .is_some_and(|(since, until)| (since..=until).contains(&time))
    }
}
