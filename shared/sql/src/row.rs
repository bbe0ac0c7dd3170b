//! Rows as Rust values.

use tokio_postgres::{Error, Row};

/// A value that is read from a row. [`row!`](crate::row) implements it.
pub trait FromRow: Sized {
    /// Reads each field from the column of the same name. Errors: a column is missing or has another
    /// type.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

/// Reads no columns.
impl FromRow for () {
    fn from_row(_: &Row) -> Result<Self, Error> {
        Ok(())
    }
}

/// Defines a struct and its [`FromRow`]: each field is read from the column of the same name.
/// The struct and its fields are `pub`.
#[macro_export]
macro_rules! row {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )+
        }
    ) => {
        $(#[$meta])*
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )+
        }

        impl $crate::FromRow for $name {
            fn from_row(
                row: &$crate::postgres::Row,
            ) -> Result<Self, $crate::postgres::Error> {
                Ok(Self { $( $field: row.try_get(stringify!($field))?, )+ })
            }
        }
    };
}
