//! What a sealer and a verifier need of a stored row.

use std::iter;
use std::pin::pin;

use domain::time::{Date, Timestamp};
use errors::Error;
use futures_util::TryStreamExt as _;
use sql::Connection;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::copied_row::CopiedRow;
use crate::stored_row::{self, Columns};

/// A stored row without its content. Whatever a row holds, it can be read: a row that no function wrote must not keep
/// others from being sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealable {
    /// The id.
    pub id: Uuid,
    /// The first day (UTC) of the month whose partition contains the row.
    pub month: Date,
    /// The chain that it names.
    pub chain_id: Uuid,
    /// The position that it names.
    pub seq: i64,
    /// The hash of the row before it that it names.
    pub prev_hash: [u8; 32],
    /// The hash that it holds.
    pub row_hash: [u8; 32],
    /// The signature that it holds. None if it doesn't have 64 bytes.
    pub signature: Option<[u8; 64]>,
    /// The transaction that it names.
    pub xid: u64,
    /// Whether its content has the hash that it holds.
    pub is_intact: bool,
    /// The function that it names.
    pub application: String,
    /// Its time. The year 1970 if it has none that can be read, such as an infinite one.
    pub timestamp: Timestamp,
    /// The first day (UTC) of the month of its time.
    pub month_of_time: Date,
}

impl Sealable {
    /// Reads the rows for which this holds, one after the other: `condition` follows `from audit_logs`. A COPY would be
    /// faster, but the driver gives its statement a name, which some poolers lose. Errors: the database fails.
    pub async fn select(
        connection: &Connection,
        condition: &str,
        mut take: impl FnMut(Self),
    ) -> Result<(), Error> {
        let select = format!(
            "select {} from audit_logs {condition}",
            crate::stored_row_columns!()
        );
        let nothing = iter::empty::<(&(dyn ToSql + Sync), Type)>();
        let mut rows = pin!(connection.query_typed_raw(&select, nothing).await?);
        while let Some(row) = rows.try_next().await? {
            take(Self::read(&row)?);
        }
        Ok(())
    }

    /// Reads a row of a binary COPY. Errors: a column has a value that can't be read, such as an infinite time.
    pub fn from_copy(
        row: &CopiedRow<'_>,
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Self::read(row)
    }

    fn read<R: Columns>(row: &R) -> Result<Self, R::Error> {
        let time: Option<Timestamp> = row.column(2).ok();
        let timestamp = time.unwrap_or(Timestamp::EPOCH);
        let bytes = |column| row.column::<Option<&[u8]>>(column);
        let hash =
            |column| bytes(column).map(|bytes| bytes.and_then(|bytes| bytes.try_into().ok()));
        let (prev_hash, row_hash): (Option<_>, Option<_>) = (hash(21)?, hash(22)?);
        let signature = bytes(25)?.and_then(|bytes| bytes.try_into().ok());
        let whole = prev_hash.is_some() && row_hash.is_some() && signature.is_some();
        let is_intact = whole && stored_row::is_intact(row).is_ok_and(|is_intact| is_intact);
        let xid: i64 = row.column(26)?;
        Ok(Self {
            id: row.column(0)?,
            month: row.column(1)?,
            chain_id: row.column(19)?,
            seq: row.column(20)?,
            prev_hash: prev_hash.unwrap_or_default(),
            row_hash: row_hash.unwrap_or_default(),
            signature,
            xid: xid.try_into().unwrap_or_default(),
            is_intact,
            application: row.column(15)?,
            timestamp,
            month_of_time: timestamp.first_of_month(),
        })
    }
}
