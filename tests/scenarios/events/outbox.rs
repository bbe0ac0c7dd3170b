//! Every change of a subject has one event, in order: under faults, under many writers and after any sequence of
//! requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::time::{TimeDelta, Timestamp};
use http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tests::event_schemas::faults;
use tests::link::{Fault, Toward};
use tests::prelude::*;

use super::feed;
use crate::lost_commits::end_idle_transactions_soon;

/// Compares the events with the rows. Each version of a row is the version of exactly one event, in order. Only a file
/// has versions without an event, which are steps of its upload. The sequence of each subject has no gap.
async fn each_version_has_its_event(world: &World) {
    let subjects = world
        .rows(
            "select e.subject, rows.version, newest.sequence as newest,
               array_agg(e.sequence order by e.rank, e.number) as sequences,
               array_agg((e.data ->> 'version')::int order by e.rank, e.number)
                 filter (where e.data ? 'version') as versions
             from business_events e
             left join event_subjects newest on newest.subject = e.subject
             left join (
               select 'appointments/' || id as subject, version from appointments
               union all select 'medical-records/' || id, version from medical_records
               union all select 'files/' || id, version from file_metadata
               union all select 'patients/' || id, version from patients
               union all select 'providers/' || id, version from providers
               union all select 'users/' || id, version from user_profiles
             ) as rows on rows.subject = e.subject
             group by e.subject, rows.version, newest.sequence",
            &[],
        )
        .await;
    assert!(!subjects.is_empty());
    for of in subjects {
        let numbers = |field: &str| -> Vec<i64> {
            let numbers = of[field].as_array().into_iter().flatten();
            numbers.map(|number| number.as_i64().unwrap()).collect()
        };
        let (sequences, versions) = (numbers("sequences"), numbers("versions"));
        let newest = of["newest"].as_i64().unwrap();
        assert_eq!(sequences, (1..=newest).collect::<Vec<_>>(), "{of}");
        let Some(version) = of["version"].as_i64() else {
            continue;
        };
        if of["subject"].as_str().unwrap().starts_with("files/") {
            assert_eq!(versions.first(), Some(&1), "{of}");
            assert!(versions.is_sorted_by(|one, next| one < next), "{of}");
            assert!(versions.last() <= Some(&version), "{of}");
        } else {
            assert_eq!(versions, (1..=version).collect::<Vec<_>>(), "{of}");
        }
    }
    let silent = world
        .rows(
            "select id from appointments where not exists
               (select from event_subjects where subject = 'appointments/' || id)
             union all select id from medical_records where not exists
               (select from event_subjects where subject = 'medical-records/' || id)
             union all select id from file_metadata where not exists
               (select from event_subjects where subject = 'files/' || id)",
            &[],
        )
        .await;
    assert_eq!(silent, Vec::<Value>::new());
    world.every_event_fits().await;
}

async fn version(world: &World, table: &str, id: Uuid) -> i64 {
    let version = format!("select version from {table} where id = $1");
    world.row(&version, &[&id]).await["version"]
        .as_i64()
        .unwrap()
}

/// A resource that one function changes again and again.
struct Target {
    function: &'static str,
    table: &'static str,
    path: String,
    id: Uuid,
}

impl Target {
    async fn change(&self, world: &World, caller: &Actor) -> Answer {
        let version = version(world, self.table, self.id).await;
        let change = match self.table {
            "medical_records" => {
                json!({"notes": format!("Seen {version}"), "change_reason": "Addendum"})
            }
            _ => json!({"notes": format!("Room {version}")}),
        };
        caller.patch(&self.path, version, change).await
    }
}

/// A world with a link, and a visit and a record in it.
async fn targets() -> (World, Provider, [Target; 2]) {
    let world = World::with(Setup {
        link: true,
        timeout: Some(Duration::from_secs(3)),
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    end_idle_transactions_soon(&world).await;
    let visit = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let record = world.note(&ada, &vera, "Seen today").await;
    let targets = [
        Target {
            function: "update-appointment",
            table: "appointments",
            path: format!("/v1/appointments/{visit}"),
            id: visit,
        },
        Target {
            function: "update-record",
            table: "medical_records",
            path: format!("/v1/medical-records/{record}"),
            id: record,
        },
    ];
    (world, vera, targets)
}

/// Counts how the answers ended.
#[derive(Default, Debug)]
struct Ended {
    made: usize,
    failed: usize,
}

impl Ended {
    fn add(&mut self, answer: &Answer) {
        match answer.status {
            200 => self.made += 1,
            500..=504 => self.failed += 1,
            _ => panic!("{}", answer.text),
        }
    }

    /// Fails unless some faults came before the change and some behind it.
    fn are_mixed(&self) {
        assert!(self.made > 0 && self.failed > 0, "{self:?}");
    }
}

/// Waits until the functions are well again and nothing is open.
async fn recovered(world: &World, caller: &Actor, target: &Target) {
    world.link().mend();
    eventually("a change succeeds", async || {
        target.change(world, caller).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn each_change_has_one_event_wherever_the_connection_breaks_or_falls_silent() {
    let (world, vera, targets) = targets().await;
    let mut ended = Ended::default();
    for (target, statement) in targets
        .iter()
        .zip(["update appointments", "update medical_records"])
    {
        for text in ["begin_request", statement, "commit"] {
            for cut in [
                Cut::Before(text),
                Cut::After(text),
                Cut::SilentBefore(text),
                Cut::SilentAfter(text),
            ] {
                world.link().cut([cut]);
                ended.add(&target.change(&world, &vera).await);
                assert!(world.link().was_cut(), "{cut:?}");
                recovered(&world, &vera, target).await;
            }
        }
        for toward in [Toward::Server, Toward::Function] {
            for bytes in (1..4000).step_by(397) {
                world.link().fault_after(toward, bytes, Fault::Break);
                ended.add(&target.change(&world, &vera).await);
                recovered(&world, &vera, target).await;
            }
        }
    }
    ended.are_mixed();
    each_version_has_its_event(&world).await;
}

#[tokio::test]
async fn each_change_has_one_event_whenever_its_function_is_killed() {
    let (world, vera, targets) = targets().await;
    let mut ended = Ended::default();
    for target in &targets {
        // Warm, a change takes some milliseconds.
        for step in 0..24_u64 {
            recovered(&world, &vera, target).await;
            let kill = async {
                tokio::time::sleep(Duration::from_micros(400 * step)).await;
                world.cloud.lambda().restart(target.function);
            };
            let (answer, ()) = tokio::join!(target.change(&world, &vera), kill);
            ended.add(&answer);
        }
        recovered(&world, &vera, target).await;
    }
    ended.are_mixed();
    each_version_has_its_event(&world).await;
}

#[tokio::test]
async fn sixteen_callers_change_visits_while_a_reader_follows_and_misses_nothing() {
    const WRITERS: usize = 16;
    const TURNS: usize = 8;
    let world = World::with(Setup {
        instances: 6,
        ..Setup::default()
    })
    .await;
    let (ada, vera, admin) = (
        world.patient("Ada").await,
        world.provider("Vera").await,
        world.admin().await,
    );
    let mut visits = Vec::new();
    for day in 1..=8 {
        let time = format!("2030-01-0{day}T09:00Z");
        visits.push(world.visit(&ada, &vera, &time, "SCHEDULED").await);
    }
    // Transactions don't end in the order in which they began.
    for statement in [
        "create function sleep() returns trigger language plpgsql as $$
         begin perform pg_sleep(random() * 0.05); return null; end $$",
        "create constraint trigger slow after update on appointments deferrable initially deferred
         for each row execute function sleep()",
    ] {
        world.sql(statement, &[]).await;
    }
    let written = AtomicBool::new(false);
    let conflicts = AtomicUsize::new(0);
    let write = async |writer: usize| {
        for turn in 0..TURNS {
            let visit = visits[(writer + turn) % visits.len()];
            let path = format!("/v1/appointments/{visit}");
            loop {
                let version = vera.get(&path).await.expect(200).body["version"]
                    .as_i64()
                    .unwrap();
                let note = json!({"notes": format!("{writer}/{turn}")});
                match vera.patch(&path, version, note).await.status {
                    200 => break,
                    409 | 412 => conflicts.fetch_add(1, Ordering::Relaxed),
                    other => panic!("{other}"),
                };
            }
        }
    };
    let writers = async {
        futures_util::future::join_all((0..WRITERS).map(write)).await;
        written.store(true, Ordering::Release);
    };
    let reader = async {
        let mut read = Vec::new();
        let mut path = "/v1/events?limit=50".to_owned();
        let mut is_over = None;
        loop {
            if is_over.is_none() && written.load(Ordering::Acquire) {
                is_over = Some(Instant::now());
            }
            let answer = admin.get(&path).await.expect(200);
            let items = answer.body["items"].as_array().unwrap();
            let cursor = answer.body["next_cursor"].as_str().unwrap();
            path = format!("/v1/events?limit=50&cursor={cursor}");
            read.extend(items.iter().cloned());
            let Some(since) = is_over.filter(|_| items.is_empty()) else {
                continue;
            };
            // A transaction of another test can still hide the last ones.
            let stored = world.rows("select id from business_events", &[]).await;
            if stored.len() <= read.len() || since.elapsed() > PATIENCE {
                return read;
            }
        }
    };
    let ((), read) = tokio::join!(writers, reader);
    assert!(conflicts.into_inner() > 0, "the writers met");

    // Nothing is read twice, nothing is missing, and each subject is in its order.
    let stored = world.rows("select id from business_events", &[]).await;
    let ids: BTreeSet<_> = read.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), read.len());
    assert_eq!(
        ids,
        stored.iter().map(|event| event["id"].to_string()).collect()
    );
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &read {
        assert_eq!(faults(event), Vec::<String>::new());
        let sequence = last.entry(event["subject"].as_str().unwrap()).or_default();
        *sequence += 1;
        assert_eq!(event["sequence"], sequence.to_string(), "{event}");
    }
    let mut changes = 0;
    for visit in &visits {
        changes += version(&world, "appointments", *visit).await - 1;
    }
    assert_eq!(changes, i64::try_from(WRITERS * TURNS).unwrap());
    each_version_has_its_event(&world).await;
}

/// A request about the visit, the record or the file of a case. The API refuses those that don't fit the state.
#[derive(Clone, Copy, Debug)]
enum Step {
    Note,
    Move,
    CheckIn,
    Complete,
    Cancel,
    Miss,
    Rate,
    ArchiveVisit,
    Amend,
    Hold,
    Release,
    ArchiveRecord,
    Upload,
    Expire,
    Rename,
    ArchiveFile,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Note),
        2 => Just(Step::Move),
        2 => Just(Step::CheckIn),
        2 => Just(Step::Complete),
        1 => Just(Step::Cancel),
        1 => Just(Step::Miss),
        2 => Just(Step::Rate),
        1 => Just(Step::ArchiveVisit),
        2 => Just(Step::Amend),
        3 => Just(Step::Hold),
        2 => Just(Step::Release),
        1 => Just(Step::ArchiveRecord),
        3 => Just(Step::Upload),
        1 => Just(Step::Expire),
        2 => Just(Step::Rename),
        1 => Just(Step::ArchiveFile),
    ];
    proptest::collection::vec(step, 6..20)
}

/// The people and resources of a case.
struct Case<'a> {
    world: &'a World,
    ada: &'a Patient,
    vera: &'a Provider,
    admin: &'a Actor,
    visit: Uuid,
    record: Uuid,
    file: Uuid,
    upload: Value,
}

impl Case<'_> {
    /// Sends a request. Returns its status.
    async fn take(&self, step: Step) -> u16 {
        let visit = format!("/v1/appointments/{}", self.visit);
        let record = format!("/v1/medical-records/{}", self.record);
        let file = format!("/v1/files/{}", self.file);
        let of_visit = version(self.world, "appointments", self.visit).await;
        let of_record = version(self.world, "medical_records", self.record).await;
        let of_file = version(self.world, "file_metadata", self.file).await;
        let (ada, vera, admin) = (self.ada, self.vera, self.admin);
        let release = async |hold: Value| {
            let request = vera
                .request(Method::PUT, &format!("{record}/release"))
                .header("if-match", format!("\"{of_record}\""))
                .header("content-type", "application/json")
                .body(json!({ "hold": hold }).to_string().into());
            vera.send_request(request.unwrap()).await
        };
        let answer = match step {
            Step::Note => {
                let note = json!({"notes": format!("Room {of_visit}")});
                vera.patch(&visit, of_visit, note).await
            }
            Step::Move => {
                let length = json!({"duration_minutes": 10 + of_visit, "reason": "Longer"});
                vera.patch(&visit, of_visit, length).await
            }
            Step::CheckIn => vera.post_nothing(&format!("{visit}/check-in")).await,
            Step::Complete => vera.post(&format!("{visit}/complete"), json!({})).await,
            Step::Cancel => {
                let reason = json!({"reason": "Travelling that week"});
                vera.post(&format!("{visit}/cancel"), reason).await
            }
            Step::Miss => vera.post_nothing(&format!("{visit}/no-show")).await,
            Step::Rate => {
                ada.post(&format!("{visit}/rate"), json!({"rating": 5}))
                    .await
            }
            Step::ArchiveVisit => admin.delete(&visit, of_visit).await,
            Step::Amend => {
                let change =
                    json!({"notes": format!("Seen {of_record}"), "change_reason": "Addendum"});
                vera.patch(&record, of_record, change).await
            }
            Step::Hold => {
                // Later than the hold before.
                let end = Timestamp::now() + TimeDelta::days(of_record);
                release(json!({"reason": "privacy", "expires_at": end})).await
            }
            Step::Release => release(Value::Null).await,
            Step::ArchiveRecord => vera.delete(&record, of_record).await,
            Step::Upload => {
                let status = ada.upload(&self.upload, files::PDF).await;
                self.world.cloud.settled().await;
                return status;
            }
            Step::Expire => {
                let past = format!(
                    "update file_metadata set expires_at = now() - interval '2 days' where id = '{}'",
                    self.file
                );
                self.world.rewrite_history(&past).await;
                self.world.expire_uploads().await;
                return 200;
            }
            Step::Rename => {
                let name = json!({"original_name": format!("Letter {of_file}.pdf")});
                ada.patch(&file, of_file, name).await
            }
            Step::ArchiveFile => ada.delete(&file, of_file).await,
        };
        assert!(answer.status < 500, "{step:?}: {}", answer.text);
        answer.status
    }
}

/// What a consumer knows of a resource that has read its events and nothing else.
#[derive(Debug, Default, PartialEq)]
struct Known {
    status: Option<String>,
    version: i64,
    is_archived: bool,
    held_until: Option<String>,
}

impl Known {
    /// Replays the events of a subject. Fails at an event that doesn't follow from those before it.
    fn replayed(events: &[&Value]) -> Self {
        let mut known = Self::default();
        for (place, event) in (1..).zip(events) {
            assert_eq!(event["sequence"], place.to_string(), "{event}");
            known.apply(event);
        }
        known
    }

    fn apply(&mut self, event: &Value) {
        let text = |field: &str| event["data"][field].as_str().map(str::to_owned);
        let kind = event["type"].as_str().unwrap();
        let kind = kind
            .trim_start_matches("caretrail.")
            .trim_end_matches(".v1");
        let (noun, what) = kind.split_once('.').unwrap();
        let version = event["data"]["version"].as_i64().unwrap();
        match noun {
            // Some steps of an upload have no event.
            "file" => assert!(version > self.version, "{event}"),
            _ => assert_eq!(version, self.version + 1, "{event}"),
        }
        let status = match what {
            "checked-in" => Some("CHECKED_IN"),
            "completed" => Some("COMPLETED"),
            "missed" => Some("NO_SHOW"),
            "cancelled" => Some("CANCELLED"),
            "uploaded" => Some("SCANNING"),
            "available" => Some("AVAILABLE"),
            "rejected" => Some("REJECTED"),
            "quarantined" => Some("QUARANTINED"),
            "expired" => Some("EXPIRED"),
            "booked" => Some("SCHEDULED"),
            "announced" => Some("PENDING"),
            _ => None,
        };
        if let Some(status) = status {
            assert_ne!(self.status.as_deref(), Some(status), "{event}");
            if let Some(former) = text("former_status") {
                assert_eq!(self.status, Some(former), "{event}");
            }
            self.status = Some(status.to_owned());
        }
        match what {
            "added" | "booked" | "announced" => assert_eq!(version, 1, "{event}"),
            "archived" => {
                assert!(!self.is_archived, "{event}");
                self.is_archived = true;
            }
            "held" => {
                let until = text("held_until");
                assert!(until.is_some() && until != self.held_until, "{event}");
                self.held_until = until;
            }
            "released" => self.held_until = None,
            _ => {}
        }
        self.version = version;
        assert_eq!(text("status"), self.status, "{event}");
        assert_eq!(text("held_until"), self.held_until, "{event}");
    }
}

#[tokio::test]
async fn the_events_of_any_sequence_of_requests_lead_to_the_state_of_the_rows() {
    let world = World::new().await;
    let (ada, vera, admin) = (
        world.patient("Ada").await,
        world.provider("Vera").await,
        world.admin().await,
    );
    world.assign(&ada, &vera).await;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let steps = steps();
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    let mut cases = Vec::new();
    for number in 0..24 {
        let (file, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
        let case = Case {
            world: &world,
            ada: &ada,
            vera: &vera,
            admin: &admin,
            visit: world
                .visit(&ada, &vera, &days_ago(1 + number), "SCHEDULED")
                .await,
            record: world.note(&ada, &vera, "Seen today").await,
            file,
            upload,
        };
        for step in steps.new_tree(&mut runner).unwrap().current() {
            if case.take(step).await == 200 {
                *done.entry(format!("{step:?}")).or_default() += 1;
            }
        }
        cases.push((case.visit, case.record, case.file));
    }
    // Each kind of request succeeded at least once.
    assert_eq!(done.len(), 16, "{done:?}");

    let events = feed(&world, &admin).await;
    for (visit, record, file) in cases {
        for (subject, row) in [
            (
                format!("appointments/{visit}"),
                "select status::text, version, is_archived, null as held_until from appointments where id = $1",
            ),
            (
                format!("medical-records/{record}"),
                "select null as status, version, is_archived,
                   case when not is_patient_visible then event_time(release_date) end as held_until
                 from medical_records where id = $1",
            ),
            (
                format!("files/{file}"),
                "select status::text, version, is_archived, null as held_until from file_metadata where id = $1",
            ),
        ] {
            let id: Uuid = subject.rsplit('/').next().unwrap().parse().unwrap();
            let row = world.row(row, &[&id]).await;
            let its: Vec<_> = events
                .iter()
                .filter(|event| event["subject"] == *subject)
                .collect();
            let known = Known::replayed(&its);
            let text = |field: &str| row[field].as_str().map(str::to_owned);
            let version = row["version"].as_i64().unwrap();
            let expected = Known {
                status: text("status"),
                // A file may have had steps since its last event.
                version: if subject.starts_with("files/") {
                    known.version
                } else {
                    version
                },
                is_archived: row["is_archived"].as_bool().unwrap(),
                held_until: text("held_until"),
            };
            assert_eq!(known, expected, "{subject}: {its:?}");
            assert!(known.version <= version, "{subject}");
        }
    }
    each_version_has_its_event(&world).await;
}
