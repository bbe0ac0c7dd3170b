//! Months long ago: honest rows that are sealed and archived in the form of `archive-audit`.

use std::collections::BTreeMap;

use audit::{Action, Entry, Position, ResourceType, StoredRow};
use audit_archive::{Manifest, Part, PartEntry, encode, manifest_key, part_key};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use domain::ids::AuditLogId;
use domain::time::{Date, TimeDelta, Timestamp};
use tests::prelude::*;
use tokio_postgres::types::ToSql;
use transparency_log::leaf::{Chain, Label, Leaf, Month, Row};
use transparency_log::store::ObjectStore as _;
use verify::report::Subject;

use super::scene::Case;

/// How many rows a part has. It is small, so that a month has several.
const PART: usize = 5;

/// A row that an environment wrote.
#[derive(Clone, Debug)]
pub struct Written {
    pub entry: Entry,
    pub position: Position,
    pub row_hash: [u8; 32],
    pub signature: [u8; 64],
}

/// An execution environment with its key.
pub struct Environment {
    pair: Ed25519KeyPair,
    pub rows: Vec<Written>,
}

impl Environment {
    /// An environment that wrote these entries.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut environment = Self {
            pair: Ed25519KeyPair::generate().unwrap(),
            rows: Vec::new(),
        };
        let chain_id = Uuid::new_v4();
        for entry in entries {
            let last = environment.rows.last();
            let position = Position {
                chain_id,
                seq: last.map_or(1, |row: &Written| row.position.seq + 1),
                prev_hash: last.map_or([0; 32], |row| row.row_hash),
                place: *Uuid::new_v4().as_bytes(),
            };
            environment.write(entry, position);
        }
        environment
    }

    fn write(&mut self, entry: Entry, position: Position) {
        let row_hash = entry.hash(&position).unwrap();
        self.rows.push(Written {
            signature: self.pair.sign(&row_hash).as_ref().try_into().unwrap(),
            entry,
            position,
            row_hash,
        });
    }

    /// Its leaves: the chain and its rows.
    fn leaves(&self) -> Vec<Leaf> {
        let first = &self.rows[0];
        let month = first_day(&first.entry).to_string();
        let month = Month::new(month[..4].parse().unwrap(), month[5..7].parse().unwrap()).unwrap();
        let mut leaves = vec![Leaf::Chain(Chain {
            chain_id: first.position.chain_id,
            public_key: self.pair.public_key().as_ref().try_into().unwrap(),
            function: Label::new(first.entry.application.clone()).unwrap(),
            version: Label::new("0.1.0").unwrap(),
            opened_at: first.entry.timestamp.microseconds().unsigned_abs(),
        })];
        leaves.extend(self.rows.iter().map(|row| {
            Leaf::Row(Row {
                month,
                chain_id: row.position.chain_id,
                seq: row.position.seq,
                row_hash: row.row_hash,
                signature: row.signature,
            })
        }));
        leaves
    }
}

impl Written {
    pub fn subject(&self) -> Subject {
        Subject::Row {
            id: Some(self.entry.id.into()),
            chain_id: self.position.chain_id,
            seq: self.position.seq,
        }
    }

    pub fn place(&self) -> Subject {
        Subject::Row {
            id: None,
            chain_id: self.position.chain_id,
            seq: self.position.seq,
        }
    }
}

fn first_day(entry: &Entry) -> Date {
    entry.timestamp.first_of_month()
}

/// Entries like one of the scene, a minute apart.
pub fn entries(case: &Case, begin: &str, count: usize) -> Vec<Entry> {
    let pattern: &StoredRow = case.scene.sealed_chain()[0];
    let mut time: Timestamp = begin.parse().unwrap();
    (0..count)
        .map(|_| {
            time += TimeDelta::minutes(1);
            Entry {
                id: AuditLogId::of_time(time),
                timestamp: time,
                request_id: Uuid::new_v4().to_string(),
                ..pattern.entry.clone()
            }
        })
        .collect()
}

/// The entry by which the archiver says that it deleted a month.
pub fn deletion(case: &Case, time: Timestamp, month: &str, rows: u64) -> Entry {
    let pattern = &case.scene.sealed_chain()[0].entry;
    let details = json!({"month": month, "rows": rows});
    Entry {
        id: AuditLogId::of_time(time),
        timestamp: time,
        user_id: None,
        actor_role: None,
        relation: None,
        purpose_of_use: None,
        action_type: Action::Delete,
        resource_type: ResourceType::AuditLog,
        resource_id: None,
        patients: Vec::new(),
        application: "archive-audit".to_owned(),
        request_id: Uuid::new_v4().to_string(),
        details: details.as_object().unwrap().clone(),
        ..pattern.clone()
    }
}

/// Stores the rows of an environment in the database.
pub async fn store(case: &Case, environment: &Environment) {
    for row in &environment.rows {
        insert(case, row).await;
    }
}

/// Stores a row in the database, whatever it says. Its month gets a partition, if it has none.
pub async fn insert(case: &Case, row: &Written) {
    let month = first_day(&row.entry).to_string();
    let name = format!("audit_logs_{}", month[..7].replace('-', "_"));
    case.as_superuser(&format!(
        "create table if not exists {name} partition of audit_logs
           for values from ('{month}') to ('{month}'::date + interval '1 month')"
    ))
    .await;
    let (entry, position) = (&row.entry, &row.position);
    let hex = |bytes: &[u8]| format!("\\x{}", hex::encode(bytes));
    let columns = json!({
        "id": entry.id,
        "month": month,
        "timestamp": entry.timestamp,
        "user_id": entry.user_id,
        "actor_role": entry.actor_role,
        "relation": entry.relation,
        "purpose_of_use": entry.purpose_of_use,
        "action_type": entry.action_type,
        "resource_type": entry.resource_type.label(),
        "resource_id": entry.resource_id,
        "patient_id": entry.patient_id(),
        "outcome": entry.outcome,
        "source_ip": entry.source_ip,
        "user_agent": entry.user_agent,
        "application": entry.application,
        "request_id": entry.request_id,
        "trace_id": entry.trace_id,
        "details": (!entry.details.is_empty()).then_some(&entry.details),
        "chain_id": position.chain_id,
        "seq": position.seq,
        "prev_hash": hex(&position.prev_hash),
        "row_hash": hex(&row.row_hash),
        "form": audit::FORM,
        "place": hex(&position.place),
        "signature": hex(&row.signature),
        "xid": "3",
    });
    let statement = "insert into audit_logs select (jsonb_populate_record(null::audit_logs, $1)).*";
    let parameters: [&(dyn ToSql + Sync); 1] = [&columns];
    let count = case.client.execute(statement, &parameters).await.unwrap();
    assert_eq!(count, 1);
}

/// Seals the rows of environments as the next batch.
pub async fn seal(case: &Case, environments: &[&Environment]) {
    let log = case.log();
    let tip = log.recover().await.unwrap();
    let now = Timestamp::now().microseconds().unsigned_abs();
    let leaves = environments
        .iter()
        .flat_map(|environment| environment.leaves());
    let horizon = case.scene.horizons.last().copied().unwrap();
    let batch = tip.next(now, horizon, leaves).unwrap();
    log.publish(&tip, batch).await.unwrap();
}

/// The lines of a month as the database has them, in the order of the archive.
pub async fn lines(case: &Case, month: &str) -> Vec<String> {
    let statement = format!(
        "select row_to_json(a)::text from audit_logs a where month = '{month}-01' order by chain_id, seq, place"
    );
    case.client
        .batch_execute("set time zone 'UTC'")
        .await
        .unwrap();
    let rows = case.client.query(&statement, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The objects of a month with these lines, by their keys. The manifest is that of the lines.
pub fn objects(month: &str, lines: &[String]) -> BTreeMap<String, Vec<u8>> {
    let day: Date = format!("{month}-01").parse().unwrap();
    let mut objects = BTreeMap::new();
    let mut entries: Vec<PartEntry> = Vec::new();
    for (number, lines) in (0..).zip(lines.chunks(PART)) {
        let bytes = encode(lines.iter().map(String::as_str)).unwrap();
        entries.push(Part::decode(&bytes).unwrap().entry().clone());
        objects.insert(part_key(day, number), bytes);
    }
    let manifest = Manifest::of(day, entries);
    objects.insert(manifest_key(day), manifest.encode());
    objects
}

/// Archives a month: stores its objects and drops its partition.
pub async fn archive(case: &Case, month: &str) -> Vec<String> {
    let lines = lines(case, month).await;
    for (key, bytes) in objects(month, &lines) {
        case.store.create(&key, bytes.into(), None).await.unwrap();
    }
    drop_partition(case, month).await;
    lines
}

pub async fn drop_partition(case: &Case, month: &str) {
    let name = format!("audit_logs_{}", month.replace('-', "_"));
    case.as_superuser(&format!("drop table {name}")).await;
}
