//! What happens in the simulated clinic, as rows of the audit log and of the business tables. Nothing here knows a rule.

use uuid::Uuid;

use crate::clock::Millis;

/// Something that happens at this time.
pub struct Act {
    pub at: Millis,
    pub what: What,
}

pub enum What {
    Row(Row),
    /// The patient of this number is registered.
    Register(usize),
    Visit(Visit),
    Status(Uuid, &'static str),
    Care(Care),
    /// The care of this member for this patient from this source ends.
    EndCare {
        member: Uuid,
        patient: Uuid,
        source: Uuid,
    },
    Record(Record),
    Suspend(Uuid),
}

/// A row of the audit log.
#[derive(Clone, Default)]
pub struct Row {
    pub id: Uuid,
    pub user: Uuid,
    pub role: &'static str,
    pub relation: Option<&'static str>,
    pub action: &'static str,
    pub resource: &'static str,
    pub resource_id: Option<Uuid>,
    pub patient: Option<Uuid>,
    pub patients: Vec<Uuid>,
    pub outcome: &'static str,
    pub application: &'static str,
    /// The reason of a failure.
    pub reason: Option<&'static str>,
    /// The number of the case that the row belongs to. It never gets into the database.
    pub case: Option<usize>,
}

/// A visit as it is booked.
pub struct Visit {
    pub id: Uuid,
    pub patient: Uuid,
    pub provider: Uuid,
    pub scheduled_at: Millis,
    pub status: &'static str,
    pub booked_at: Millis,
    /// None if it is older than the log.
    pub booked_by: Option<Uuid>,
}

/// The length of each visit.
pub const VISIT: Millis = 30 * crate::clock::MINUTE;

/// A relation of care.
pub struct Care {
    pub member: Uuid,
    pub patient: Uuid,
    /// The patient's account.
    pub account: Uuid,
    pub basis: &'static str,
    pub source: Uuid,
    pub since: Millis,
    /// Without an end it is an assignment.
    pub until: Option<Millis>,
    pub counted_from: Option<Millis>,
}

/// An entry of the chart.
pub struct Record {
    pub id: Uuid,
    pub patient: Uuid,
    /// None if a nurse or the lab wrote it.
    pub provider: Option<Uuid>,
    pub author: Uuid,
    pub kind: &'static str,
    pub at: Millis,
}

/// Everything that happens until this time, in order.
pub struct Slice {
    pub ends: Millis,
    pub acts: Vec<Act>,
}
