//! What lines of the logs name and the database doesn't have. It may be in an archived month, whose rows are read later.

use std::collections::HashMap;

use audit::{ArchivedRow, Sealable};
use domain::time::{Date, Timestamp};
use transparency_log::Hash;
use uuid::Uuid;

use crate::report::{Aspect, Report, Subject};
use crate::sealed::Sealed;

use Aspect::Completeness;

/// How many lines can be kept until archived months are read.
const MOST: usize = 500_000;

/// What is reported unless an archived row is found.
#[derive(Clone, Debug)]
pub struct Miss {
    /// What it is about. None if the line proves nothing, but can't be explained either.
    pub subject: Option<Subject>,
    /// Why, in a sentence.
    pub reason: String,
    /// The time of the line in milliseconds since 1970, if it is known.
    pub time: Option<i64>,
}

/// The lines that wait for archived rows.
#[derive(Debug, Default)]
pub struct Awaited {
    /// Whether there are archived months.
    is_open: bool,
    /// Committed rows, by chain and position.
    landed: HashMap<(Uuid, i64), (Hash, Miss)>,
    /// Requests, of which any row is enough.
    requests: HashMap<String, Vec<Miss>>,
    /// Invocations of jobs, with the number of rows that are missing.
    handled: HashMap<String, (i64, Miss)>,
    is_full: bool,
}

impl Awaited {
    /// `is_open` says whether there are archived months. Otherwise all is reported at once.
    pub fn new(is_open: bool) -> Self {
        Self {
            is_open,
            ..Self::default()
        }
    }

    /// A committed row that the database doesn't have.
    pub fn landed(&mut self, place: (Uuid, i64), row_hash: Hash, miss: Miss, report: &mut Report) {
        match self.has_room() {
            true => {
                self.landed.insert(place, (row_hash, miss));
            }
            false => self.turn_away(miss, report),
        }
    }

    /// A request of which the database has no row.
    pub fn request(&mut self, id: String, miss: Miss, report: &mut Report) {
        match self.has_room() {
            true => self.requests.entry(id).or_default().push(miss),
            false => self.turn_away(miss, report),
        }
    }

    /// An invocation of which the database lacks this many rows.
    pub fn handled(&mut self, id: String, lacks: i64, miss: Miss, report: &mut Report) {
        match self.has_room() {
            true => {
                self.handled.insert(id, (lacks, miss));
            }
            false => self.turn_away(miss, report),
        }
    }

    fn has_room(&self) -> bool {
        self.is_open && self.landed.len() + self.requests.len() + self.handled.len() < MOST
    }

    fn turn_away(&mut self, miss: Miss, report: &mut Report) {
        match self.is_open {
            true => self.is_full = true,
            false => miss.report(report),
        }
    }

    /// Looks for the lines that name an archived row that the database doesn't have. A row that differs from its leaf is a
    /// finding of its own.
    pub fn find(&mut self, archived: &ArchivedRow<'_>, row: &Sealable) {
        if !self.landed.is_empty()
            && let Some((row_hash, _)) = self.landed.get(&(row.chain_id, row.seq))
            && *row_hash == row.row_hash
        {
            self.landed.remove(&(row.chain_id, row.seq));
        }
        if !self.requests.is_empty() {
            self.requests.remove(archived.request_id());
        }
        if !self.handled.is_empty()
            && let Some((invocation, _)) = archived.request_id().split_once('/')
            && let Some((lacks, _)) = self.handled.get_mut(invocation)
        {
            *lacks -= 1;
        }
    }

    /// Reports the lines whose rows were found nowhere, unless their month was deleted after its retention.
    pub fn report(&mut self, sealed: &Sealed, report: &mut Report) {
        let is_deleted = |miss: &Miss| {
            miss.month()
                .is_some_and(|month| sealed.deleted.contains(&month))
        };
        for ((chain_id, _), (_, miss)) in self.landed.drain() {
            if !sealed.is_of_deleted_month(chain_id) {
                miss.report(report);
            }
        }
        let requests = self.requests.drain().flat_map(|(_, misses)| misses);
        let handled = self.handled.drain();
        let handled = handled.filter_map(|(_, (lacks, miss))| (lacks > 0).then_some(miss));
        for miss in requests.chain(handled).filter(|miss| !is_deleted(miss)) {
            miss.report(report);
        }
        if self.is_full {
            let reason = format!(
                "More than {MOST} lines of the logs name rows that only archived months can have. Verify fewer lines at once."
            );
            report.unchecked(Completeness, reason);
        }
    }
}

impl Miss {
    fn report(self, report: &mut Report) {
        match self.subject {
            Some(subject) => report.violated(Completeness, subject, self.reason),
            None => report.unchecked(Completeness, self.reason),
        }
    }

    fn month(&self) -> Option<Date> {
        let time = chrono::DateTime::from_timestamp_millis(self.time?)?;
        Some(Timestamp::from(time).first_of_month())
    }
}
