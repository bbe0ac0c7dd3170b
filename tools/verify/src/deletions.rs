//! Archived months that were deleted after their retention. An audit row of the function that deletes them is the proof.

use std::collections::BTreeSet;

use audit::{Action, Outcome, ResourceType, StoredRow};
use chrono::{Months, NaiveDate, NaiveTime};
use domain::time::{Date, Timestamp};
use uuid::Uuid;

use crate::report::{Aspect, Report, Subject};
use crate::sealed::Sealed;

use Aspect::Integrity;

/// The function that archives months, and deletes them after their retention.
pub const ARCHIVER: &str = "archive-audit";

/// The shortest time that audit rows are kept, in months (45 CFR 164.316(b)(2)(i)).
const SHORTEST: Months = Months::new(6 * 12);

/// A row that says that an archived month was deleted.
#[derive(Clone, Debug)]
pub struct Deletion {
    month: Date,
    rows: u64,
    time: Timestamp,
    chain_id: Uuid,
    subject: Subject,
}

impl Deletion {
    /// What a row says. None if it says something else.
    pub fn of(row: &StoredRow) -> Option<Self> {
        let entry = &row.entry;
        let is_deletion = entry.action_type == Action::Delete
            && entry.resource_type == ResourceType::AuditLog
            && entry.outcome == Outcome::Success;
        let month = entry.details.get("month").filter(|_| is_deletion)?;
        let chain_id = row.position.chain_id;
        Some(Self {
            month: format!("{}-01", month.as_str()?.get(..7)?).parse().ok()?,
            rows: entry.details.get("rows")?.as_u64()?,
            time: entry.timestamp,
            chain_id,
            subject: Subject::row(entry.id.into(), chain_id, row.position.seq),
        })
    }
}

/// The months that were deleted after their retention, each by its first day. The row of a deletion must be that of its
/// leaf, so its chain is none of those that differ. What is wrong with a deletion is reported.
pub fn explained(
    deletions: Vec<Deletion>,
    differing: &BTreeSet<Uuid>,
    sealed: &Sealed,
    report: &mut Report,
) -> BTreeSet<Date> {
    let mut explained = BTreeSet::new();
    for deletion in deletions {
        let is_authentic = sealed
            .chains
            .get(&deletion.chain_id)
            .is_some_and(|chain| chain.function == ARCHIVER && chain.is_signed());
        if differing.contains(&deletion.chain_id) || !is_authentic {
            continue;
        }
        if retention_end(deletion.month).is_none_or(|end| deletion.time < end) {
            let reason = format!(
                "The row says that the audit rows of {} were deleted, but six years had not passed since the end of the month.",
                name(deletion.month)
            );
            report.violated(Integrity, deletion.subject, reason);
            continue;
        }
        let (fewest, most) = sealed.rows_of(deletion.month);
        if !(fewest..=most).contains(&deletion.rows) {
            let reason = format!(
                "The row says that {} audit rows of {} were deleted, but the log sealed {fewest} of that month and has {} in quarantine.",
                deletion.rows,
                name(deletion.month),
                most - fewest
            );
            report.violated(Integrity, deletion.subject, reason);
            continue;
        }
        explained.insert(deletion.month);
    }
    explained
}

/// Six years after the end of a month.
fn retention_end(month: Date) -> Option<Timestamp> {
    let end = NaiveDate::from(month)
        .checked_add_months(Months::new(1))?
        .checked_add_months(SHORTEST)?;
    Some(end.and_time(NaiveTime::MIN).and_utc().into())
}

fn name(month: Date) -> String {
    month.to_string().get(..7).unwrap_or_default().to_owned()
}
