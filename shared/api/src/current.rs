//! A row before a change.

use sql::FromRow;
use sql::postgres::{Error, Row};

/// A locked row before its change.
#[derive(Debug)]
pub struct Current<E, X = ()> {
    /// The fields that a patch can change.
    pub editable: E,
    /// The row's version.
    pub version: i32,
    /// Other columns that the change depends on.
    pub extra: X,
}

impl<E: FromRow, X: FromRow> FromRow for Current<E, X> {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            editable: E::from_row(row)?,
            version: row.try_get("version")?,
            extra: X::from_row(row)?,
        })
    }
}
