//! The account of an import while it runs.

use crate::plan::{Origin, Plan};
use crate::progress::Bars;
use crate::summary::Summary;

/// What importing something changed.
#[derive(Debug, Clone, Copy)]
pub enum Done {
    /// It is new in the cloud.
    Created,
    /// It was there before.
    Unchanged,
}

/// The error says why something could not be imported.
pub type Result<T> = std::result::Result<T, String>;

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
            Ok((Done::Created, value)) => {
                counts.created += 1;
                Some(value)
            }
            Ok((Done::Unchanged, value)) => {
                counts.unchanged += 1;
                Some(value)
            }
            Err(reason) => {
                counts.failed += 1;
                self.complain(origin, reason);
                None
            }
        };
        self.bars.done(1);
        value
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
