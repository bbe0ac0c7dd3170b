//! Appends batches to the log until there is nothing to seal.

use api::lambda::Failure;
use chrono::{DateTime, TimeDelta, Utc};
use sql::{Connection, row};
use transparency_log::leaf::{Incarnation, Leaf};
use transparency_log::log::{Published, Tip};

use crate::Report;
use crate::apply::apply;
use crate::batch::{Contents, new_chains};
use crate::known::{Known, lost_heads, take_over};
use crate::open_lines::OpenLines;
use crate::reconciliation::{self, Due};
use crate::settings::Settings;
use crate::snapshot::{Question, Snapshot, horizon};
use crate::statements::{control, query_one};

/// An open line may reach the log after the row, and lines are searched again for this long.
const OVERLAP: TimeDelta = TimeDelta::minutes(20);

/// The same within one run: lines that come later are found by the next run.
const OVERLAP_IN_RUN: TimeDelta = TimeDelta::minutes(1);

/// The minutes that are reconciled in a batch with rows. Searching the logs takes time, and nothing is sealed before.
const MINUTES_BESIDE_ROWS: usize = 1;

/// The minutes that are reconciled in a batch without rows.
const MINUTES: usize = 5;

/// The time from which on open lines are searched: before the last run, and before any row that waits.
const SEARCH_FROM: &str = "select least( \
      coalesce((select max(sealed_at) from audit_seals), (select timestamp from audit_logs order by id limit 1)), \
      (select min(since) from audit_waiting_chains), now() \
    ) as time";

row! {
    pub struct From {
        pub time: DateTime<Utc>,
    }
}

/// Seals what there is. Errors: the log, the database or a log of functions fails.
pub async fn seal(
    settings: &Settings,
    connection: &Connection,
    mut tip: Tip,
    mut statement: Option<Incarnation>,
    time_left: impl Fn() -> bool,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    let known = Known::read(connection).await?;
    let mut newest = known.map(|known| (known.horizon as u64, known.sealed_at));
    if let Some(incarnation) = statement.take() {
        tip = restore(settings, connection, &tip, incarnation, &time_left).await?;
        newest = Known::read(connection)
            .await?
            .map(|known| (known.horizon as u64, known.sealed_at));
    }
    let now = horizon(connection).await?;
    if newest.is_some_and(|(horizon, _)| horizon > now.end as u64) {
        tracing::error!("the database lacks rows that are sealed");
        return Err("the database counts its transactions anew".into());
    }
    for lost in lost_heads(connection, now.now).await? {
        tracing::error!(chain_id = %lost.chain_id, seq = lost.seq, "the database lacks rows that are sealed");
    }
    let from: From = query_one(connection, SEARCH_FROM, &[]).await?;
    let mut lines = OpenLines::default();
    let mut search_from = from.time - OVERLAP;
    loop {
        let read_at = Utc::now();
        lines.extend(OpenLines::read(&settings.functions, search_from, read_at).await?);
        search_from = read_at - OVERLAP_IN_RUN;
        let waited_enough = Utc::now() - settings.open_line_wait;
        let question = Question {
            from: newest.map_or(0, |(horizon, _)| horizon),
            most: settings.rows,
            announced: &lines.ids(),
            waited_enough,
        };
        let snapshot = Snapshot::read(connection, &question).await?;
        // The line of a chain that began meanwhile is there by now.
        let announced = lines.ids();
        let is_known = |chain| snapshot.chains.contains_key(chain) || announced.contains(chain);
        if !snapshot.rows.keys().all(is_known) {
            lines.extend(OpenLines::read(&settings.functions, search_from, Utc::now()).await?);
        }
        let (horizon, is_complete) = (snapshot.horizon, snapshot.is_complete);
        report.note_oldest(snapshot.oldest_left);
        let announced = new_chains(connection, lines.clone()).await?;
        let contents = Contents::of(snapshot, announced, waited_enough)?;
        let most = match contents.is_empty() {
            true => MINUTES,
            false => MINUTES_BESIDE_ROWS,
        };
        let Due {
            leaves: minutes,
            is_more,
        } = match is_complete {
            true => reconciliation::due(settings, connection, now.now, most, &time_left).await?,
            false => Due::default(),
        };
        let is_fresh = newest.is_some_and(|(_, at)| Utc::now() - at < settings.seal_at_least);
        if is_complete && contents.is_empty() && minutes.is_empty() && is_fresh {
            contents.remember_waiting(connection).await?;
            break;
        }
        let reconciled = minutes.len();
        let others = minutes.into_iter().map(Leaf::Reconciliation);
        let leaves = contents.leaves(connection, others).await?;
        let batch = tip.next(sealed_at(&tip), horizon, leaves)?;
        match settings.log.publish(&tip, batch.clone()).await? {
            Published::Ours(next) => {
                control(connection, "begin").await?;
                if apply(connection, &batch).await? {
                    contents.remember_waiting(connection).await?;
                }
                control(connection, "commit").await?;
                report.rows += contents.rows.len();
                report.quarantined += contents.quarantined.len();
                report.reconciled += reconciled;
                tip = next;
            }
            // What this run read may be in the other's batch, so it is read anew.
            Published::Theirs(next) => {
                if let Some(theirs) = next.batch()
                    && !take_over(connection, theirs, &time_left).await?
                {
                    return Err("the database learns the log over several runs".into());
                }
                tip = next;
                newest = Known::read(connection)
                    .await?
                    .map(|known| (known.horizon as u64, known.sealed_at));
                if time_left() {
                    continue;
                }
                break;
            }
        }
        newest = Some((horizon, Utc::now()));
        if (is_complete && !is_more) || !time_left() {
            break;
        }
    }
    if let Some(witness) = &settings.witness
        && let Err(error) = witness.cosign(&settings.log, &*settings.store, &tip).await
    {
        tracing::error!(error, "the witness did not cosign the checkpoint");
    }
    if let Some(topic) = &settings.topic
        && let Err(error) = topic
            .send_once(&settings.log, &*settings.store, &tip, Utc::now())
            .await
    {
        tracing::error!(error, "the daily checkpoint was not sent");
    }
    report.batch = tip.batch().map_or(0, |batch| batch.number());
    report.size = tip.tree().size();
    Ok(report)
}

/// Publishes the statement of an operator. From then on, the transactions of the restored database count.
async fn restore(
    settings: &Settings,
    connection: &Connection,
    tip: &Tip,
    incarnation: Incarnation,
    time_left: impl Fn() -> bool,
) -> Result<Tip, Failure> {
    let horizon = horizon(connection).await?.horizon as u64;
    let others = [Leaf::Incarnation(incarnation)].into_iter();
    let leaves = Contents::default().leaves(connection, others).await?;
    let batch = tip.next(sealed_at(tip), horizon, leaves)?;
    let next = match settings.log.publish(tip, batch).await? {
        Published::Ours(next) => next,
        Published::Theirs(_) => return Err("another batch was sealed meanwhile".into()),
    };
    tracing::error!("the database was replaced, as an operator states");
    if let Some(batch) = next.batch()
        && !take_over(connection, batch, time_left).await?
    {
        return Err("the database learns which chains wait over several runs".into());
    }
    Ok(next)
}

/// Now, in microseconds since 1970, and not before the batch before.
fn sealed_at(tip: &Tip) -> u64 {
    let now = Utc::now().timestamp_micros().unsigned_abs();
    tip.batch().map_or(now, |batch| batch.sealed_at().max(now))
}
