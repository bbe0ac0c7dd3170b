//! The account of an import while it runs.

use crate::plan::{Origin, Plan};
use crate::progress::Bars;
use crate::summary::Summary;

/// What importing something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is new in the cloud.
    Created,
    /// It was there before with another content.
    Updated,
    /// It was there before with the same content.
    Unchanged,
    /// It was there before and is archived or cancelled now.
    Withdrawn,
    /// It was there before with another content, which the import can't change for this reason. What refers to it can be
    /// imported.
    Conflict(String),
}

impl Done {
    /// What two steps about the same entry did together.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Conflict(reason), _) | (_, Self::Conflict(reason)) => Self::Conflict(reason),
            (Self::Created, _) | (_, Self::Created) => Self::Created,
            (Self::Unchanged, Self::Unchanged) => Self::Unchanged,
            _ => Self::Updated,
        }
    }
}

/// Why something could not be imported.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It can't be imported for this reason.
    Failed(String),
    /// The bundle says something else than the cloud for this reason, and what refers to it can't be imported.
    Conflict(String),
    /// The time of a visit is taken. It may be free once the other visits have their status.
    Busy(String),
    /// No request of the importer succeeds any more, so the import stops.
    Stopped,
}

/// The result of importing something.
pub type Result<T> = std::result::Result<T, Fault>;

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Failed(reason.to_owned())
    }
}

/// Records the result of each entry in the summary and on the progress bars.
pub struct Tally<'a> {
    pub plan: &'a Plan,
    pub summary: &'a mut Summary,
    pub bars: &'a Bars,
}

impl Tally<'_> {
    /// Records the result of an entry and returns its value.
    pub fn settle<T>(&mut self, origin: &Origin, result: Result<(Done, T)>) -> Option<T> {
        let counts = self.summary.of(&origin.kind);
        let value = match result {
            Ok((done, value)) => {
                match done {
                    Done::Created => counts.created += 1,
                    Done::Updated => counts.updated += 1,
                    Done::Unchanged => counts.unchanged += 1,
                    Done::Withdrawn => {
                        counts.withdrawn += 1;
                        // The plan counted it as one that isn't carried over.
                        counts.not_imported -= 1;
                        return Some(value);
                    }
                    Done::Conflict(reason) => {
                        counts.conflicts += 1;
                        self.complain(origin, reason);
                    }
                }
                Some(value)
            }
            Err(Fault::Conflict(reason)) => {
                counts.conflicts += 1;
                self.complain(origin, reason);
                None
            }
            Err(Fault::Failed(reason) | Fault::Busy(reason)) => {
                counts.failed += 1;
                self.complain(origin, reason);
                None
            }
            // The file gets one complaint for all of them.
            Err(Fault::Stopped) => {
                counts.failed += 1;
                None
            }
        };
        self.bars.done(1);
        value
    }

    /// Records that what an earlier import made of an entry could not be withdrawn. The plan counted the entry already.
    pub fn settle_withdrawal(&mut self, origin: &Origin, fault: Fault) {
        match fault {
            Fault::Stopped => {}
            Fault::Conflict(reason) | Fault::Failed(reason) | Fault::Busy(reason) => {
                let counts = self.summary.of(&origin.kind);
                counts.not_imported -= 1;
                counts.conflicts += 1;
                self.complain(origin, reason);
            }
        }
    }

    /// Adds a complaint about an entry.
    pub fn complain(&mut self, origin: &Origin, reason: String) {
        let complaint = self.plan.complaint(origin, reason);
        self.bars.complain(&complaint);
        self.summary.complain(complaint);
    }

    /// Adds a note about an entry.
    pub fn note(&mut self, origin: &Origin, note: &str) {
        let note = self.plan.complaint(origin, note.to_owned());
        self.summary.notes.push(note);
    }
}
