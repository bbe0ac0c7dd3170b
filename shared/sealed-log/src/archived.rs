//! Rows of archived months, which are in S3.

use std::collections::HashMap;

use audit::ArchivedRow;
use audit::audit_log::AuditLog;
use audit_archive::block;
use domain::ids::AuditLogId;
use domain::time::Date;
use errors::Error;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sql::postgres::{Error as PostgresError, Row};
use sql::{FromRow, row};

use crate::SealedLog;

/// What the caller reads if S3 doesn't answer or lacks an object.
const UNREACHABLE: &str = "An archived month of the audit log can't be read. Try again later.";

/// How many blocks are read at the same time.
const AT_ONCE: usize = 16;

row! {
    /// Where an archived row is: a block of a part of its month.
    #[derive(Clone, Debug)]
    pub struct ArchivedPlace {
        /// The id of the row.
        pub id: AuditLogId,
        /// The first day of its month.
        pub month: Date,
        /// The number of the part.
        pub part: i32,
        /// Where the block begins in the part, in bytes.
        pub block_offset: i64,
        /// The length of the block in bytes.
        pub block_length: i64,
    }
}

/// A row of the log that a statement found: in the database, or in the index of archived rows.
pub enum ListedRow {
    /// The row, which the database has.
    Stored(Box<AuditLog>),
    /// Where the row is in the archive.
    Archived(ArchivedPlace),
}

impl FromRow for ListedRow {
    fn from_row(row: &Row) -> Result<Self, PostgresError> {
        let part: Option<i32> = row.try_get("part")?;
        Ok(match part {
            Some(_) => Self::Archived(ArchivedPlace::from_row(row)?),
            None => Self::Stored(Box::new(AuditLog::from_row(row)?)),
        })
    }
}

/// A block that was read, with the rows that it has.
pub struct ArchivedBlock(String);

impl ArchivedBlock {
    /// The row with this id. Errors: the block has none, or it isn't as functions write rows.
    pub fn row(&self, id: AuditLogId) -> Result<ArchivedRow<'_>, Error> {
        // The id is the first column.
        let begin = format!("{{\"id\":\"{id}\"");
        let line = self.0.lines().find(|line| line.starts_with(&begin));
        line.and_then(|line| ArchivedRow::parse(line).ok())
            .ok_or_else(|| {
                tracing::error!(%id, "an archived block of the audit log lacks a row of its index");
                Error::Unavailable(UNREACHABLE)
            })
    }
}

impl SealedLog {
    /// The rows in the same order, with those that are archived read from S3. A block is read once, and several at the same
    /// time. Errors: S3 doesn't answer, or lacks an object or a row.
    pub async fn complete(&self, listed: Vec<ListedRow>) -> Result<Vec<AuditLog>, Error> {
        let mut wanted: HashMap<_, ArchivedPlace> = HashMap::new();
        for row in &listed {
            if let ListedRow::Archived(place) = row {
                wanted.entry(place.block()).or_insert_with(|| place.clone());
            }
        }
        let read = wanted.into_iter().map(|(key, place)| async move {
            Ok::<_, Error>((key, self.archived_block(&place).await?))
        });
        let blocks: HashMap<_, ArchivedBlock> = stream::iter(read)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let complete = |row| match row {
            ListedRow::Stored(row) => Ok(*row),
            ListedRow::Archived(place) => {
                let block = blocks.get(&place.block());
                let block = block.ok_or(Error::Internal("a block was not read"))?;
                block.row(place.id)?.audit_log().map_err(|_| {
                    Error::Internal("an archived row has a value that no function writes")
                })
            }
        };
        listed.into_iter().map(complete).collect()
    }

    /// The block with an archived row. Errors: S3 doesn't answer, or lacks the object.
    pub async fn archived_block(&self, place: &ArchivedPlace) -> Result<ArchivedBlock, Error> {
        let number = u32::try_from(place.part).unwrap_or_default();
        let (offset, length) = (place.block_offset as u64, place.block_length as u64);
        let read = block(&self.0, place.month, number, offset, length).await;
        read.map(ArchivedBlock).map_err(|error| {
            tracing::error!(%error, "an archived month of the audit log could not be read");
            Error::Unavailable(UNREACHABLE)
        })
    }
}

impl ArchivedPlace {
    fn block(&self) -> (Date, i32, i64) {
        (self.month, self.part, self.block_offset)
    }
}
