//! A row of a binary COPY, read where it is. `BinaryCopyOutStream` of the driver makes lists of each row, which takes
//! longer than to hash it.

use std::error::Error;

use tokio_postgres::types::FromSql;
use uuid::Uuid;

use crate::stored_row::{Columns, StoredRow};

/// How many columns a row has.
const COLUMNS: usize = StoredRow::TYPES.len();

/// What begins the data of a binary COPY.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// A row of a binary COPY, as PostgreSQL sends it.
pub struct CopiedRow<'a>([Option<&'a [u8]>; COLUMNS]);

/// The data of a binary COPY don't have the form that PostgreSQL documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCopied;

impl<'a> CopiedRow<'a> {
    /// The row in a message of a binary COPY of [`stored_row_columns!`](crate::stored_row_columns). PostgreSQL sends each
    /// row in one message. The first has a header before its row. None at the end of the data. Errors: see [`NotCopied`].
    pub fn parse(message: &'a [u8]) -> Result<Option<Self>, NotCopied> {
        let mut rest = message;
        if let Some(after) = message.strip_prefix(SIGNATURE) {
            let (_flags, after) = integer(after)?;
            let (extension, after) = integer(after)?;
            rest = after.get(extension as usize..).ok_or(NotCopied)?;
        }
        let (count, mut rest) = rest.split_first_chunk().ok_or(NotCopied)?;
        match i16::from_be_bytes(*count) {
            -1 if rest.is_empty() => return Ok(None),
            count if usize::try_from(count) == Ok(COLUMNS) => {}
            _ => return Err(NotCopied),
        }
        let mut columns = [None; COLUMNS];
        for column in &mut columns {
            let (length, after) = integer(rest)?;
            // NULL has the length -1.
            (*column, rest) = match length {
                u32::MAX => (None, after),
                length => {
                    let value = after.split_at_checked(length as usize);
                    let (value, after) = value.ok_or(NotCopied)?;
                    (Some(value), after)
                }
            };
        }
        match rest {
            [] => Ok(Some(Self(columns))),
            _ => Err(NotCopied),
        }
    }

    /// The id, the chain and the position that the row names. None if one of them can't be read.
    pub fn position(&self) -> Option<(Uuid, Uuid, i64)> {
        let (id, chain_id) = (self.column(0).ok()?, self.column(19).ok()?);
        Some((id, chain_id, self.column(20).ok()?))
    }

    /// The place that the row names. None if it doesn't have 16 bytes.
    pub fn place(&self) -> Option<[u8; 16]> {
        self.0[24]?.try_into().ok()
    }
}

fn integer(bytes: &[u8]) -> Result<(u32, &[u8]), NotCopied> {
    let (integer, rest) = bytes.split_first_chunk().ok_or(NotCopied)?;
    Ok((u32::from_be_bytes(*integer), rest))
}

impl Columns for CopiedRow<'_> {
    type Error = Box<dyn Error + Sync + Send>;

    fn column<'a, T: FromSql<'a>>(&'a self, index: usize) -> Result<T, Self::Error> {
        T::from_sql_nullable(&StoredRow::TYPES[index], self.0[index])
    }
}

impl std::fmt::Display for NotCopied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the data of a COPY don't have the form that PostgreSQL documents")
    }
}

impl Error for NotCopied {}
