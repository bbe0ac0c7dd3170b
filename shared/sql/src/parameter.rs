//! The types that a statement's parameters can have.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A Rust type that corresponds to one PostgreSQL type.
pub trait SqlType: ToSql + Sync {
    /// The PostgreSQL type of a parameter.
    const TYPE: Type;
    /// The PostgreSQL type of an array of such parameters.
    const ARRAY: Type;
}

/// A value that can be bound to a statement.
pub trait Parameter: Sync {
    #[doc(hidden)]
    fn value(&self) -> &(dyn ToSql + Sync);
    #[doc(hidden)]
    fn sql_type(&self) -> Type;
}

impl<T: SqlType> Parameter for T {
    fn value(&self) -> &(dyn ToSql + Sync) {
        self
    }

    fn sql_type(&self) -> Type {
        T::TYPE
    }
}

macro_rules! sql_types {
    ($($type:ty => $sql:ident, $array:ident;)+) => {$(
        impl SqlType for $type {
            const TYPE: Type = Type::$sql;
            const ARRAY: Type = Type::$array;
        }
    )+};
}

sql_types! {
    Uuid => UUID, UUID_ARRAY;
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    DateTime<Utc> => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    NaiveDate => DATE, DATE_ARRAY;
}

impl SqlType for &[u8] {
    const TYPE: Type = Type::BYTEA;
    const ARRAY: Type = Type::BYTEA_ARRAY;
}

impl<T: SqlType> SqlType for Option<T> {
    const TYPE: Type = T::TYPE;
    const ARRAY: Type = T::ARRAY;
}

impl<T: SqlType> SqlType for Vec<T> {
    const TYPE: Type = T::ARRAY;
    const ARRAY: Type = T::ARRAY;
}
