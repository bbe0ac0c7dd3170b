//! Months of the audit log that are long over, and the job that archives them.

use std::fs;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use audit::select_stored_row;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use chrono::{DateTime, Datelike as _, Months, NaiveDate, TimeDelta, Utc};
use domain::ids::AuditLogId;
use domain::time::Date;
use serde_json::{Value, json};
use sql::FromRow as _;
use uuid::Uuid;

use crate::audit::AuditRow;
use crate::world::World;

/// The alarm that a month can't be archived.
pub const NOT_ARCHIVED: &str = "a month of the audit log could not be archived";

impl World {
    /// Runs `archive-audit` as its schedule does. Returns the details of the steps that it reports.
    pub async fn archive(&self) -> Vec<Value> {
        let report = self.try_archive().await.expect("the run succeeds");
        let steps = report["steps"].as_array().unwrap().iter();
        steps.map(|step| step["details"].clone()).collect()
    }

    /// Runs `archive-audit`. Errors: a step failed.
    pub async fn try_archive(&self) -> Result<Value, String> {
        let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
        let report = self.cloud.invoke("archive-audit", &schedule).await;
        report.map_err(|error| {
            let lines = self.cloud.logs("archive-audit").lines();
            let errors: Vec<_> = lines.iter().filter(|line| line.contains("ERROR")).collect();
            format!("{error:#}: {errors:#?}")
        })
    }

    /// How often `archive-audit` raised its alarm for this reason.
    pub fn refusals_to_archive(&self, reason: &str) -> usize {
        let lines = self.cloud.logs("archive-audit").lines();
        let lines = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["message"] == NOT_ARCHIVED && line["reason"] == reason)
            .count()
    }

    /// Makes all rows of the log look as if the functions had written them this many months ago: each function again
    /// has one chain, signed with a key that its open line announces. Returns them in the order of their ids, the
    /// newest first.
    pub async fn age_log(&self, months: u32) -> Vec<AuditRow> {
        let mut rows = self.audit_log().await;
        let month = month_ago(months);
        self.make_partition(month).await;
        let first = rows.first().expect("the log has rows").entry.timestamp;
        // From the second day of the month on.
        let begin = NaiveDate::from(month)
            .and_hms_opt(12, 0, 0)
            .unwrap()
            .and_utc();
        let begin = begin + TimeDelta::days(1);
        let mut chains: Vec<(String, Chain)> = Vec::new();
        let mut statements = String::from("set session_replication_role = replica;");
        for row in &mut rows {
            let former = Uuid::from(row.entry.id);
            let function = row.entry.application.clone();
            let place = chains.iter().position(|(name, _)| *name == function);
            let place = place.unwrap_or_else(|| {
                chains.push((function.clone(), Chain::new()));
                chains.len() - 1
            });
            let chain = &mut chains[place].1;
            let timestamp = DateTime::<Utc>::from(row.entry.timestamp) - DateTime::from(first);
            row.entry.timestamp = (begin + timestamp).into();
            row.entry.id = new_id(row.entry.timestamp.into());
            row.month = month;
            row.position.chain_id = chain.id;
            row.position.seq = chain.seq + 1;
            row.position.prev_hash = chain.hash;
            row.position.place = *Uuid::new_v4().as_bytes();
            row.row_hash = row.entry.hash(&row.position).unwrap();
            row.signature = chain.pair.sign(&row.row_hash).as_ref().try_into().unwrap();
            (chain.seq, chain.hash) = (row.position.seq, row.row_hash);
            let columns = json!({
                "id": row.entry.id,
                "month": month,
                "timestamp": row.entry.timestamp,
                "chain_id": row.position.chain_id,
                "seq": row.position.seq,
                "prev_hash": bytes(&row.position.prev_hash),
                "row_hash": bytes(&row.row_hash),
                "place": bytes(&row.position.place),
                "signature": bytes(&row.signature),
            });
            statements.push_str(&format!(
                "insert into audit_logs select (jsonb_populate_record(a, '{columns}'::jsonb \
                   || jsonb_build_object('xid', pg_current_xact_id()))).* \
                 from audit_logs a where a.id = '{former}'; \
                 delete from audit_logs where id = '{former}';"
            ));
        }
        for (function, chain) in &chains {
            // Its environments would continue chains that are gone.
            self.restart(function).await;
            self.announce(function, chain);
        }
        self.connect()
            .await
            .batch_execute(&format!("begin; {statements} commit"))
            .await
            .unwrap();
        let stored = self
            .sql(
                select_stored_row!("where month = $1 order by id desc"),
                &[&NaiveDate::from(month)],
            )
            .await;
        let stored: Result<Vec<_>, _> = stored.iter().map(AuditRow::from_row).collect();
        let stored = stored.unwrap();
        assert!(stored.iter().all(AuditRow::is_intact));
        stored
    }

    /// Makes the partition of a month that is over.
    pub async fn make_partition(&self, month: Date) {
        let first = NaiveDate::from(month);
        let name = first.format("audit_logs_%Y_%m").to_string();
        let next = first + Months::new(1);
        self.connect()
            .await
            .batch_execute(&format!(
                "do $$ begin
                   if to_regclass('{name}') is null then
                     set local role caretrail_owner;
                     create table {name} (like audit_logs including all);
                     call secure('{name}');
                     alter table audit_logs attach partition {name} for values from ('{first}') to ('{next}');
                   end if;
                 end $$"
            ))
            .await
            .unwrap();
    }

    /// Writes the open line of a chain to the log of the functions.
    fn announce(&self, function: &str, chain: &Chain) {
        let now = Utc::now();
        let folder = self.folder().join("log-groups/functions");
        let minute = (now.timestamp() / 60).to_string();
        let line = json!({
            "message": "audit chain opened",
            "chain_id": chain.id,
            "public_key": hex::encode(chain.pair.public_key().as_ref()),
            "function": function,
            "version": "test",
        });
        let line = Value::from(line.to_string());
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(minute));
        writeln!(file.unwrap(), "{} former {line}", now.timestamp_millis()).unwrap();
    }

    /// Seals until nothing of this month waits: an open line may take a moment to reach the log.
    pub async fn seal_month(&self, rows: usize) {
        crate::world::eventually("the month is sealed", async || {
            self.seal().await;
            self.sealed_rows().await.len() >= rows
        })
        .await;
    }

    /// The months that have a partition in the database, before the current one.
    pub async fn old_partitions(&self) -> Vec<String> {
        let rows = self
            .sql(
                "select relname::text from pg_class c join pg_inherits i on i.inhrelid = c.oid
                 where i.inhparent = 'audit_logs'::regclass
                   and relname < to_char(now() at time zone 'UTC', '\"audit_logs_\"YYYY_MM') order by 1",
                &[],
            )
            .await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Lets the locks of all objects end.
    pub async fn end_locks(&self) {
        remove(self.folder(), &|path| {
            path.extension().is_some_and(|end| end == "lock")
        });
        self.rewrite_history(
            "update audit_archive_parts set locked_until = now() - interval '1 day'",
        )
        .await;
    }
}

/// A chain of a function that ended long ago.
struct Chain {
    id: Uuid,
    seq: i64,
    hash: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Chain {
    fn new() -> Self {
        Self {
            id: Uuid::new_v4(),
            seq: 0,
            hash: [0; 32],
            pair: Ed25519KeyPair::generate().unwrap(),
        }
    }
}

/// The first day of the month this many months before the current one.
pub fn month_ago(months: u32) -> Date {
    let today = Utc::now().date_naive();
    (today.with_day(1).unwrap() - Months::new(months)).into()
}

fn new_id(time: DateTime<Utc>) -> AuditLogId {
    let millis = u64::try_from(time.timestamp_millis()).unwrap();
    let random = Uuid::new_v4();
    uuid::Builder::from_unix_timestamp_millis(millis, random.as_bytes()[..10].try_into().unwrap())
        .into_uuid()
        .into()
}

fn bytes(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}

fn remove(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            remove(&path, is_wanted);
        } else if is_wanted(&path) {
            fs::remove_file(path).unwrap();
        }
    }
}
