//! Measures business events: what they add to a write, how many are handed on in a second, and how late they arrive. The
//! reference of a write is the same write while the triggers are disabled that write events and plan reminders.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use client::Client;
use domain::time::{TimeDelta, Timestamp};
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use local_cloud::listener::Listener;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::figures::{Ratio, middle};
use crate::site::{Databases, Setup, Site, Size};

/// Patients with visits. No audit rows but those of the measured requests.
const SIZE: Size = Size {
    patients: 20,
    audit_rows: 0,
};

/// The visits of one turn. The first of them isn't counted, because the turn before still has an effect on it.
const TURN: u64 = 20;

/// How often a run looks for new events, in seconds.
const POLL: u64 = 2;

/// How long nothing may arrive.
const PATIENCE: Duration = Duration::from_secs(90);

const PAGE: usize = 100;

/// Measures this number of writes with events, at first as fast as possible and then at a steady rate. Errors: something can't be started,
/// or a request fails.
pub async fn measure(binaries: &Path, events: u64, rate: u64) -> Result<()> {
    let fast = Bench::open(binaries, Setup::default()).await?;
    fast.cost(events).await?;
    fast.throughput().await?;
    drop(fast);
    let setup = Setup {
        environment: vec![("EVENT_POLL_SECONDS", POLL.to_string())],
        ..Setup::default()
    };
    let steady = Bench::open(binaries, setup).await?;
    steady.lag(events, rate).await
}

/// A clinic with a caller, and a webhook that gets all events.
struct Bench {
    // In this order they are ended.
    site: Arc<Site>,
    receiver: Receiver,
    provider: Client,
    admin: Client,
    patients: Vec<Uuid>,
    provider_id: Uuid,
    _databases: Databases,
}

impl Bench {
    async fn open(binaries: &Path, setup: Setup) -> Result<Self> {
        let databases = Databases::start(setup).await?;
        let site = Arc::new(Site::open(&databases, "events", SIZE, binaries, 1).await?);
        let receiver = Receiver::open().await?;
        let mut patients = Vec::new();
        for number in 1..=SIZE.patients {
            patients.push(site.clinic.id(&format!("patient {number}")).await?);
        }
        let bench = Self {
            provider: site.caller("provider user 1").await?,
            admin: site.caller("admin").await?,
            provider_id: site.clinic.id("provider 1").await?,
            site,
            receiver,
            patients,
            _databases: databases,
        };
        let webhook = json!({"url": bench.receiver.url(), "status": "ACTIVE"});
        let path = format!("/v1/webhooks/{}", Uuid::now_v7());
        bench
            .send(&bench.admin, Method::PUT, &path, None, &webhook)
            .await?;
        Ok(bench)
    }

    /// Books the visit of this number, and changes its notes. Returns the time of each.
    async fn write(&self, number: u64) -> Result<[Duration; 2]> {
        let index = usize::try_from(number)? % self.patients.len();
        // Visits of five minutes, one each ten minutes: none overlaps.
        let after = TimeDelta::minutes(60 * 24 * 30 + i64::try_from(number)? * 10);
        let visit = json!({
            "patient_id": self.patients[index],
            "provider_id": self.provider_id,
            "scheduled_at": (Timestamp::now() + after).to_string(),
            "duration_minutes": 5,
        });
        let began = Instant::now();
        let booked = self
            .send(
                &self.provider,
                Method::POST,
                "/v1/appointments",
                None,
                &visit,
            )
            .await?;
        let booking = began.elapsed();
        let path = format!(
            "/v1/appointments/{}",
            booked["id"].as_str().context("a visit has no id")?
        );
        let notes = json!({"notes": format!("Room {number}")});
        let began = Instant::now();
        self.send(&self.provider, Method::PATCH, &path, Some("\"1\""), &notes)
            .await?;
        Ok([booking, began.elapsed()])
    }

    async fn send(
        &self,
        caller: &Client,
        method: Method,
        path: &str,
        version: Option<&str>,
        body: &Value,
    ) -> Result<Value> {
        let mut request = caller.request(method, path);
        request = match version {
            Some(version) => request
                .header(IF_MATCH, version)
                .header(CONTENT_TYPE, "application/merge-patch+json"),
            None => request.header(CONTENT_TYPE, "application/json"),
        };
        let request = request.body(Full::from(body.to_string()))?;
        let response = caller.send_request(request).await?;
        ensure!(
            response.status().is_success(),
            "{path} answered {}: {}",
            response.status(),
            String::from_utf8_lossy(response.body())
        );
        Ok(serde_json::from_slice(response.body())?)
    }

    /// Makes this number of writes with events, in turns with as many without.
    async fn cost(&self, events: u64) -> Result<()> {
        let (mut bookings, mut changes) = (Vec::new(), Vec::new());
        let mut numbers = 0..;
        let mut write = async || self.write(numbers.next().unwrap_or_default()).await;
        for _ in 0..events.div_ceil(2 * TURN) {
            self.have_events("disable").await?;
            let mut without = Vec::new();
            for _ in 0..TURN {
                without.push(write().await?);
            }
            self.have_events("enable").await?;
            for (number, [booking, change]) in without.into_iter().enumerate() {
                let [with_booking, with_change] = write().await?;
                if number > 0 {
                    bookings.push((booking, with_booking));
                    changes.push((change, with_change));
                }
            }
        }
        println!("| write | pairs | without events, ms | with events, ms | ratio (ten blocks) |");
        println!("|---|---:|---:|---:|---:|");
        for (write, pairs) in [("a booking", bookings), ("a change", changes)] {
            println!("| {write} | {} | {} |", pairs.len(), Ratio::of(&pairs));
        }
        Ok(())
    }

    /// Enables or disables the triggers that write events and plan reminders.
    async fn have_events(&self, action: &str) -> Result<()> {
        let statements: String = [
            "appointments {} trigger announce",
            "appointments {} trigger plan_reminders_of_booking",
            "appointments {} trigger plan_reminders_of_change",
            "care_relations {} trigger announce",
        ]
        .map(|change| format!("alter table {};", change.replace("{}", action)))
        .concat();
        Ok(self.site.clinic.client.batch_execute(&statements).await?)
    }

    /// The number of events, without the creation of the webhook, which isn't told of it.
    async fn events(&self) -> Result<usize> {
        let count = "select count(*) from business_events where type <> 'webhook.created.v1'";
        let row = self.site.clinic.client.query_one(count, &[]).await?;
        Ok(usize::try_from(row.get::<_, i64>(0))?)
    }

    /// Hands on the events that wait, in each way.
    async fn throughput(&self) -> Result<()> {
        println!("| way | events | events/s |");
        println!("|---|---:|---:|");
        let all = self.events().await?;
        for (way, function) in [
            ("EventBridge", "publish-events"),
            ("a webhook", "deliver-webhooks"),
        ] {
            let began = Instant::now();
            loop {
                let sent = self.arrived(function)?.len();
                if sent >= all {
                    break;
                }
                ensure!(
                    began.elapsed() < PATIENCE,
                    "{function} has sent {sent} events of {all}"
                );
                self.site.cloud.invoke(function, &json!({})).await?;
            }
            report_rate(way, all, began.elapsed());
        }
        let (began, mut reader, mut read) = (Instant::now(), Reader::new(&self.admin), 0);
        while read < all {
            let page = reader.next().await?;
            ensure!(!page.is_empty(), "the list has only {read} events");
            read += page.len();
        }
        report_rate("a reader of the list", all, began.elapsed());
        Ok(())
    }

    /// Writes at a steady rate while everything runs, and compares when events happened with when they arrived.
    async fn lag(&self, events: u64, rate: u64) -> Result<()> {
        let schedules =
            ["publish-events", "deliver-webhooks"].map(|function| self.schedule(function));
        let read = Arc::new(Mutex::new(Vec::new()));
        let reading = tokio::spawn(follow(Reader::new(&self.admin), read.clone()));
        // A booking and a change are two writes.
        let mut pace = interval(Duration::from_secs(2) / u32::try_from(rate)?);
        for number in 0..events / 2 {
            pace.tick().await;
            self.write(number).await?;
        }
        let all = self.events().await?;
        let ended = Instant::now();
        let missing = || -> Result<bool> {
            Ok(self.arrived("publish-events")?.len() < all
                || self.receiver.arrived().len() < all
                || lock(&read).len() < all)
        };
        while missing()? {
            ensure!(ended.elapsed() < PATIENCE, "not all events have arrived");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        println!("| way, {rate} writes a second | events | lag: median, s | p95, s | most, s |");
        println!("|---|---:|---:|---:|---:|");
        report_lag("EventBridge", &self.arrived("publish-events")?);
        report_lag("a webhook", &self.receiver.arrived());
        report_lag("a reader of the list", &lock(&read));
        reading.abort();
        for schedule in schedules {
            schedule.abort();
        }
        Ok(())
    }

    /// Runs the function every minute.
    fn schedule(&self, function: &'static str) -> JoinHandle<Result<()>> {
        let site = self.site.clone();
        tokio::spawn(async move {
            let mut minutes = interval(Duration::from_mins(1));
            minutes.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                minutes.tick().await;
                site.cloud.invoke(function, &json!({})).await?;
            }
        })
    }

    /// How late each event was that this function has sent.
    fn arrived(&self, function: &str) -> Result<Vec<TimeDelta>> {
        if function == "deliver-webhooks" {
            return Ok(self.receiver.arrived());
        }
        let accepted = self.site.cloud.event_bus().accepted()?;
        accepted
            .iter()
            .map(|(at, event)| Ok(Timestamp::from(*at) - time(event)?))
            .collect()
    }
}

/// Reads the list of events, page by page.
struct Reader {
    client: Client,
    cursor: String,
}

impl Reader {
    fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            cursor: String::new(),
        }
    }

    async fn next(&mut self) -> Result<Vec<Value>> {
        let path = format!("/v1/events?limit={PAGE}{}", self.cursor);
        let answer = self.client.send(Method::GET, &path, None).await?;
        ensure!(
            answer.status() == 200,
            "the list answered {}",
            answer.status()
        );
        let mut page: Value = serde_json::from_slice(answer.body())?;
        let next = page["next_cursor"]
            .as_str()
            .context("a page has no cursor")?;
        self.cursor = format!("&cursor={next}");
        let items = page["items"]
            .as_array_mut()
            .context("a page has no items")?;
        Ok(std::mem::take(items))
    }
}

/// Keeps how late events arrive at a reader who looks for them as often as the functions do.
async fn follow(mut reader: Reader, lags: Arc<Mutex<Vec<TimeDelta>>>) -> Result<()> {
    loop {
        let page = reader.next().await?;
        let now = Timestamp::now();
        for event in &page {
            let time = time(event)?;
            lock(&lags).push(now - time);
        }
        if page.len() < PAGE {
            tokio::time::sleep(Duration::from_secs(POLL)).await;
        }
    }
}

/// A receiver of webhooks that keeps how late each event arrives.
struct Receiver {
    listener: Listener,
    lags: Arc<Mutex<Vec<TimeDelta>>>,
}

impl Receiver {
    async fn open() -> Result<Self> {
        let lags = Arc::new(Mutex::new(Vec::new()));
        let arriving = lags.clone();
        let handler = move |request: Request<Incoming>, _| {
            let lags = arriving.clone();
            async move {
                let taken = take(request, &lags).await;
                let status = if taken.is_ok() { 204 } else { 500 };
                let mut answer = Response::new(Full::<Bytes>::default());
                *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
                answer
            }
        };
        let listener = Listener::start(0, handler).await?;
        Ok(Self { listener, lags })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/events", self.listener.port())
    }

    /// How late each event arrived.
    fn arrived(&self) -> Vec<TimeDelta> {
        lock(&self.lags).clone()
    }
}

async fn take(request: Request<Incoming>, lags: &Mutex<Vec<TimeDelta>>) -> Result<()> {
    let body = request.into_body().collect().await?.to_bytes();
    let event: Value = serde_json::from_slice(&body)?;
    let time = time(&event)?;
    lock(lags).push(Timestamp::now() - time);
    Ok(())
}

fn time(event: &Value) -> Result<Timestamp> {
    let time = event["time"].as_str().context("an event has no time")?;
    time.parse().ok().context("an event's time is not a time")
}

fn report_rate(way: &str, events: usize, time: Duration) {
    println!(
        "| {way} | {events} | {:.0} |",
        events as f64 / time.as_secs_f64()
    );
}

fn report_lag(way: &str, lags: &[TimeDelta]) {
    let seconds = lags.iter().map(|lag| lag.as_seconds_f64());
    let mut seconds: Vec<f64> = seconds.collect();
    seconds.sort_by(f64::total_cmp);
    let late = seconds[seconds.len() * 95 / 100];
    let most = seconds.last().copied().unwrap_or(f64::NAN);
    println!(
        "| {way} | {} | {:.2} | {late:.2} | {most:.2} |",
        seconds.len(),
        middle(seconds)
    );
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
