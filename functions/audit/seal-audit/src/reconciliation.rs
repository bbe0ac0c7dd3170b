//! Compares the requests of each minute with the audit rows.

use std::collections::BTreeSet;

use api::lambda::Failure;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sql::{Connection, Parameter, row};
use transparency_log::leaf::{Label, MOST_MISSING, Missing, Reconciliation};

use crate::requests::Requests;
use crate::settings::Settings;
use crate::statements::{query, query_one};

/// Minutes that are looked at again in one batch.
const MOST_AGAIN: i64 = 5;

/// The minute after the last one, or the one in which the log began. Null if nothing is sealed yet.
const NEXT: &str = "select coalesce( \
      (select max(minute) + interval '1 minute' from audit_reconciliations), \
      date_trunc('minute', least((select min(sealed_at) from audit_seals), (select min(opened_at) from audit_chains)), \
        'UTC') \
    ) as minute";

/// Minutes with missing rows, in any order. A late line or row may explain them.
const AGAIN: &str = "select minute, revision, audited, invocations, failed, rows, missing from audit_reconciliations \
    where missing <> '{}' and minute > now() - interval '24 hours' order by random() limit $1";

const WITH_ROWS: &str = "select r.id from unnest($1::text[]) as r (id) \
    where exists (select from audit_logs a where a.request_id = r.id and a.month between $2 and $3)";

/// A step's id begins with that of its invocation and a slash. A zero follows a slash.
const ROWS_OF_STEPS: &str = "select r.id, (select count(*) from audit_logs a \
      where a.request_id >= r.id || '/' and a.request_id < r.id || '0' and a.month between $2 and $3) as rows \
    from unnest($1::text[]) as r (id)";

/// The rows of steps that landed lines name and the database doesn't have.
const LANDED_WITHOUT_ROW: &str = "select l.request_id as id \
    from unnest($1::text[], $2::uuid[], $3::bigint[], $4::bytea[]) as l (request_id, chain_id, seq, row_hash) \
    where not exists (select from audit_logs a \
      where a.request_id = l.request_id and a.month between $5 and $6 \
        and a.chain_id = l.chain_id and a.seq = l.seq and a.row_hash = l.row_hash)";

row! {
    pub struct Former {
        pub minute: DateTime<Utc>,
        pub revision: i32,
        pub audited: i64,
        pub invocations: i64,
        pub failed: i64,
        pub rows: i64,
        pub missing: Vec<String>,
    }
}

row! {
    pub struct Next {
        pub minute: Option<DateTime<Utc>>,
    }
}

row! {
    pub struct Id {
        pub id: String,
    }
}

row! {
    pub struct Steps {
        pub id: String,
        pub rows: i64,
    }
}

/// The comparisons of a batch.
#[derive(Default)]
pub struct Due {
    pub leaves: Vec<Reconciliation>,
    /// Whether more minutes are due.
    pub is_more: bool,
}

/// The leaves about the minutes that are due, at most so many, and about former minutes if there are fewer. Errors: the
/// database or a log fails.
pub async fn due(
    settings: &Settings,
    connection: &Connection,
    now: DateTime<Utc>,
    most: usize,
    time_left: impl Fn() -> bool,
) -> Result<Due, Failure> {
    let mut due = Due::default();
    let next: Next = query_one(connection, NEXT, &[]).await?;
    let mut minute = next.minute;
    while let Some(begin) = minute {
        let end = begin + TimeDelta::minutes(1);
        if end + settings.reconcile_after > now || !time_left() {
            break;
        }
        if due.leaves.len() == most {
            due.is_more = true;
            break;
        }
        due.leaves
            .push(reconcile(settings, connection, begin).await?);
        minute = Some(end);
    }
    if !due.is_more {
        look_again(settings, connection, &mut due.leaves).await?;
    }
    due.leaves.iter().for_each(report);
    Ok(due)
}

/// Compares former minutes with missing rows again, and adds leaves about those that differ.
async fn look_again(
    settings: &Settings,
    connection: &Connection,
    leaves: &mut Vec<Reconciliation>,
) -> Result<(), Failure> {
    let again: Vec<Former> = query(connection, AGAIN, &[&MOST_AGAIN]).await?;
    for former in again {
        let leaf = reconcile(settings, connection, former.minute).await?;
        if former.differs(&leaf) {
            leaves.push(Reconciliation {
                revision: former.revision as u32 + 1,
                ..leaf
            });
        }
    }
    Ok(())
}

async fn reconcile(
    settings: &Settings,
    connection: &Connection,
    minute: DateTime<Utc>,
) -> Result<Reconciliation, Failure> {
    let requests = Requests::read(settings, minute).await?;
    let mut logged = requests.logged;
    let mut missing = BTreeSet::new();

    let ids: Vec<_> = requests.audited.keys().cloned().collect();
    // The rows of a request are written within a day of it.
    let (first, last) = (first_of_month(minute, -1), first_of_month(minute, 1));
    let with_rows: Vec<Id> = query(connection, WITH_ROWS, &[&ids, &first, &last]).await?;
    let with_rows: BTreeSet<_> = with_rows.into_iter().map(|row| row.id).collect();
    for (id, failed) in &requests.audited {
        match (with_rows.contains(id), failed) {
            (false, true) => logged.failed += 1,
            (false, false) => {
                logged.audited += 1;
                missing.insert(id.as_str());
            }
            (true, _) => logged.audited += 1,
        }
    }
    let mut rows = with_rows.len() as u64;

    let lost = lost_steps(connection, &requests, first, last).await?;
    rows += (requests.landed.len() - lost.len()) as u64;
    missing.extend(lost.iter().map(|id| invocation(id)));
    missing.extend(requests.silent.iter().map(String::as_str));
    let ids: Vec<_> = requests.handled.keys().cloned().collect();
    let handled: Vec<Steps> = query(connection, ROWS_OF_STEPS, &[&ids, &first, &last]).await?;
    for steps in handled {
        if let Some((id, said)) = requests.handled.get_key_value(&steps.id)
            && (steps.rows as u64) < *said
        {
            missing.insert(id.as_str());
        }
    }
    let labels = missing.into_iter().filter_map(|id| Label::new(id).ok());
    Ok(Reconciliation {
        minute: u64::try_from(minute.timestamp() / 60)?,
        revision: 0,
        logged,
        rows,
        missing: Missing::new(labels.take(MOST_MISSING))?,
    })
}

/// The request ids of the committed rows of steps that the database doesn't have.
async fn lost_steps(
    connection: &Connection,
    requests: &Requests,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<String>, Failure> {
    let landed = requests.landed.iter();
    let ids: Vec<_> = landed.clone().map(|row| row.request_id.as_str()).collect();
    let chains: Vec<_> = landed.clone().map(|row| row.chain_id).collect();
    let seqs: Vec<_> = landed.clone().map(|row| row.seq).collect();
    let hashes: Vec<&[u8]> = landed.map(|row| &row.row_hash[..]).collect();
    let parameters: &[&dyn Parameter] = &[&ids, &chains, &seqs, &hashes, &first, &last];
    let lost: Vec<Id> = query(connection, LANDED_WITHOUT_ROW, parameters).await?;
    Ok(lost.into_iter().map(|row| row.id).collect())
}

/// The id of the invocation that a step belongs to.
fn invocation(step: &str) -> &str {
    step.split_once('/')
        .map_or(step, |(invocation, _)| invocation)
}

/// Logs what an alarm tells of.
fn report(leaf: &Reconciliation) {
    let missing = leaf.missing.ids().len();
    if missing > 0 {
        let first = leaf.missing.ids().next().map(Label::as_str);
        let minute = DateTime::from_timestamp((leaf.minute * 60) as i64, 0);
        let minute = minute.map(|minute| minute.to_rfc3339());
        tracing::error!(minute, missing, first, "requests have no audit row");
    }
}

/// The first day of the month of the day before or after.
fn first_of_month(time: DateTime<Utc>, days: i64) -> NaiveDate {
    let time = domain::time::Timestamp::from(time + TimeDelta::days(days));
    time.first_of_month().into()
}

impl Former {
    fn differs(&self, leaf: &Reconciliation) -> bool {
        let counts = [
            (self.audited, leaf.logged.audited),
            (self.invocations, leaf.logged.invocations),
            (self.failed, leaf.logged.failed),
            (self.rows, leaf.rows),
        ];
        let ids = leaf.missing.ids().map(Label::as_str);
        counts.iter().any(|(former, now)| *former as u64 != *now)
            || !ids.eq(self.missing.iter().map(String::as_str))
    }
}
