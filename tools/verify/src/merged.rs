//! Reads the rows of archived months and those of the database in one order: month, chain, position, place.
//!
//! A month can be in both: until its partition is dropped, or because somebody made the partition again. Then both must
//! have the same rows.

use std::pin::Pin;

use audit::{CopiedRow, Sealable, StoredRow};
use audit_archive::{Key, manifest_key, part_key};
use bytes::Bytes;
use domain::time::Date;
use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, CopyOutStream};
use transparency_log::Failure;

use crate::archive::{Archive, Damage};
use crate::database;
use crate::progress::Bar;
use crate::report::{Aspect, Subject};
use crate::rows::{Judge, Origin};

use Aspect::Integrity;

/// The rows of the database. The next one can be looked at.
struct Copied {
    messages: Pin<Box<CopyOutStream>>,
    next: Option<Next>,
    is_at_end: bool,
    bar: Bar,
}

struct Next {
    message: Bytes,
    key: Key,
    row: Sealable,
}

/// Reads all rows. Errors: the database or the store fails.
pub async fn read(
    judge: &mut Judge<'_>,
    archive: Option<&Archive<'_>>,
    client: &Client,
) -> Result<(), Failure> {
    let mut rows = Copied {
        bar: Bar::of(database::estimate(client).await?, "rows of the database"),
        messages: Box::pin(database::rows(client).await?),
        next: None,
        is_at_end: false,
    };
    if let Some(archive) = archive {
        for month in archive.months().keys() {
            rows.read_before(*month, judge).await?;
            read_month(archive, *month, &mut rows, judge).await?;
        }
    }
    if let Some(next) = rows.next.take() {
        next.judge(Origin::Database, judge);
    }
    rows.read_rest(judge).await
}

async fn read_month(
    archive: &Archive<'_>,
    month: Date,
    rows: &mut Copied,
    judge: &mut Judge<'_>,
) -> Result<(), Failure> {
    let is_in_database = rows.peek(month, judge).await?.is_some();
    if !archive.has_manifest(month) {
        if is_in_database {
            // The month is being archived.
            return Ok(());
        }
        let reason = "The manifest of an archived month is missing, although the database doesn't have the month.";
        let damage = Damage {
            key: manifest_key(month),
            reason: reason.to_owned(),
        };
        judge.damaged.push((month, damage));
    }
    let mut bar = Bar::spinner("rows of archived months");
    let (mut lacks, mut first_that_lacks) = (0_u64, None);
    for number in 0.. {
        let (part, damage) = archive.part(month, number).await?;
        let is_damaged = damage.is_some();
        judge.damaged.extend(damage.map(|damage| (month, damage)));
        let Some(part) = part else {
            match is_damaged {
                true => continue,
                false => break,
            }
        };
        for line in part.rows() {
            judge.report.counts.archived += 1;
            bar.set(judge.report.counts.archived);
            let Ok(archived) = line else {
                let subject = Subject::Object(part_key(month, number));
                let reason = "The part of an archived month has a line that is no row of the log.";
                judge.report.violated(Integrity, subject, reason);
                continue;
            };
            let Ok(row) = archived.sealable() else {
                judge.unreadable_line(&archived);
                continue;
            };
            let subject = || Subject::row(row.id, row.chain_id, row.seq);
            if row.month != month {
                let reason = "The row is archived under another month than it names.";
                judge.report.violated(Integrity, subject(), reason);
            }
            let key = Key {
                chain_id: row.chain_id,
                seq: row.seq,
                place: archived.place().unwrap_or_default(),
            };
            rows.read_beside(month, Some(key), judge).await?;
            let twin = rows
                .next
                .take_if(|next| next.row.month == month && next.key == key);
            match &twin {
                Some(twin) if twin.row == row => {}
                Some(twin) => {
                    let reason =
                        "The database and the archive have different rows at this position.";
                    judge.report.violated(Integrity, twin.subject(), reason);
                }
                None if is_in_database => {
                    lacks += 1;
                    first_that_lacks.get_or_insert_with(subject);
                }
                None => {}
            }
            if twin.is_none() {
                judge.logged.awaited.find(&archived, &row);
            }
            let content = || archived.stored_row().ok();
            judge.row(&row, Origin::Archived(month), content);
        }
    }
    rows.read_beside(month, None, judge).await?;
    if let Some(subject) = first_that_lacks {
        let reason = format!(
            "The database has rows of the archived month, but lacks this one and {} others of it.",
            lacks - 1
        );
        judge.report.violated(Integrity, subject, reason);
    }
    Ok(())
}

impl Copied {
    /// The next row, if it is of this month.
    async fn peek(&mut self, month: Date, judge: &mut Judge<'_>) -> Result<Option<&Next>, Failure> {
        self.fill(judge).await?;
        Ok(self.next.as_ref().filter(|next| next.row.month == month))
    }

    /// Reads the next row, unless it was read.
    async fn fill(&mut self, judge: &mut Judge<'_>) -> Result<(), Failure> {
        while self.next.is_none() && !self.is_at_end {
            let Some(message) = self.messages.try_next().await? else {
                self.is_at_end = true;
                break;
            };
            let Some(copied) = CopiedRow::parse(&message)? else {
                continue;
            };
            judge.report.counts.rows += 1;
            match Sealable::from_copy(&copied) {
                Ok(row) => {
                    let key = Key {
                        chain_id: row.chain_id,
                        seq: row.seq,
                        place: copied.place().unwrap_or_default(),
                    };
                    self.next = Some(Next { message, key, row });
                }
                Err(_) => judge.unreadable(&copied),
            }
        }
        Ok(())
    }

    /// Judges the rows of the months before an archived one.
    async fn read_before(&mut self, month: Date, judge: &mut Judge<'_>) -> Result<(), Failure> {
        loop {
            self.fill(judge).await?;
            match self.next.take_if(|next| next.row.month < month) {
                Some(next) => next.judge(Origin::Database, judge),
                None => return Ok(()),
            }
        }
    }

    /// Judges the rows of an archived month before this place, or to its end. The archive doesn't have them.
    async fn read_beside(
        &mut self,
        month: Date,
        before: Option<Key>,
        judge: &mut Judge<'_>,
    ) -> Result<(), Failure> {
        loop {
            self.fill(judge).await?;
            let next = self.next.take_if(|next| {
                next.row.month == month && before.is_none_or(|before| next.key < before)
            });
            let Some(next) = next else {
                return Ok(());
            };
            let reason = "The database has the row in a month that is archived, and the archive doesn't have it.";
            judge.report.violated(Integrity, next.subject(), reason);
            next.judge(Origin::Archived(month), judge);
        }
    }

    /// Judges all other rows. They are read where they are, without a copy.
    async fn read_rest(&mut self, judge: &mut Judge<'_>) -> Result<(), Failure> {
        while !self.is_at_end {
            let Some(message) = self.messages.try_next().await? else {
                break;
            };
            let Some(copied) = CopiedRow::parse(&message)? else {
                continue;
            };
            judge.report.counts.rows += 1;
            self.bar.set(judge.report.counts.rows);
            match Sealable::from_copy(&copied) {
                Ok(row) => {
                    let content = || StoredRow::from_copy(&copied).ok();
                    judge.row(&row, Origin::Database, content);
                }
                Err(_) => judge.unreadable(&copied),
            }
        }
        Ok(())
    }
}

impl Next {
    fn judge(&self, origin: Origin, judge: &mut Judge<'_>) {
        let content = || {
            let copied = CopiedRow::parse(&self.message).ok().flatten();
            copied.and_then(|copied| StoredRow::from_copy(&copied).ok())
        };
        judge.row(&self.row, origin, content);
    }

    fn subject(&self) -> Subject {
        Subject::row(self.row.id, self.row.chain_id, self.row.seq)
    }
}
