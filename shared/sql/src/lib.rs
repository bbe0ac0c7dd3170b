//! Statements, their parameters and their rows.
//!
//! Statements are sent with their parameter types (`query_typed`): one round trip, no named
//! prepared statement, safe under every transaction pooler. For the same reason results hold
//! built-in types only; an enum leaves as text, or the driver would look its type up first.
#![warn(missing_docs)]

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use tokio_postgres::types::{FromSql, IsNull, Json, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

/// A value stored as jsonb; in JSON and in its schema it is the value itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Jsonb<T>(pub T);

impl<T: serde::Serialize + std::fmt::Debug> ToSql for Jsonb<T> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Json(&self.0).to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <Json<&T> as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

impl<'a, T: serde::Deserialize<'a>> FromSql<'a> for Jsonb<T> {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Json::from_sql(ty, raw).map(|Json(value)| Self(value))
    }

    fn accepts(ty: &Type) -> bool {
        <Json<T> as FromSql>::accepts(ty)
    }
}

impl<T: JsonSchema> JsonSchema for Jsonb<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A statement with its parameters, ready to be sent.
#[derive(Clone, Copy)]
pub struct Statement<'a> {
    text: &'a str,
    parameters: &'a [&'a dyn Parameter],
}

/// Joins a statement's text with its parameters `$1`, `$2`, ….
pub fn sql<'a>(text: &'a str, parameters: &'a [&'a dyn Parameter]) -> Statement<'a> {
    Statement { text, parameters }
}

impl<'a> Statement<'a> {
    /// Sends the statement and returns its rows.
    pub async fn query(self, client: &Client) -> Result<Vec<Row>, Error> {
        client.query_typed(self.text, &self.typed()).await
    }

    /// Sends the statement and returns its one row. Errors: there is none, or more than one.
    pub async fn query_one(self, client: &Client) -> Result<Row, Error> {
        client.query_typed_one(self.text, &self.typed()).await
    }

    /// Sends the statement and returns the number of rows it wrote.
    pub async fn execute(self, client: &Client) -> Result<u64, Error> {
        client.execute_typed(self.text, &self.typed()).await
    }

    fn typed(&self) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        self.parameters
            .iter()
            .map(|parameter| (parameter.value(), parameter.sql_type()))
            .collect()
    }
}

/// A Rust type that stands for one PostgreSQL type.
pub trait SqlType: ToSql + Sync {
    /// The parameter's type.
    const TYPE: Type;
    /// The type of an array of it.
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

/// A row as a value. Implemented by [`row!`].
pub trait FromRow: Sized {
    /// Reads the columns named as the fields. Errors: a column missing or of another type.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

/// Reads no column.
impl FromRow for () {
    fn from_row(_: &Row) -> Result<Self, Error> {
        Ok(())
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

// Bytes travel as Vec<u8>; an array of a byte-like type is not supported, which no statement needs.
impl SqlType for &[u8] {
    const TYPE: Type = Type::BYTEA;
    const ARRAY: Type = Type::BYTEA_ARRAY;
}

impl<T: serde::Serialize + std::fmt::Debug + Sync> SqlType for Jsonb<T> {
    const TYPE: Type = Type::JSONB;
    const ARRAY: Type = Type::JSONB_ARRAY;
}

impl<T: SqlType> SqlType for Option<T> {
    const TYPE: Type = T::TYPE;
    const ARRAY: Type = T::ARRAY;
}

impl<T: SqlType> SqlType for Vec<T> {
    const TYPE: Type = T::ARRAY;
    const ARRAY: Type = T::ARRAY;
}

/// Binds and reads a wrapper exactly as what it wraps.
#[macro_export]
macro_rules! delegate_sql {
    ($name:ident, $inner:ty, $type:expr) => {
        impl $crate::postgres::types::ToSql for $name {
            fn to_sql(
                &self,
                ty: &$crate::postgres::types::Type,
                out: &mut $crate::postgres::BytesMut,
            ) -> Result<$crate::postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>>
            {
                self.0.to_sql(ty, out)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <$inner as $crate::postgres::types::ToSql>::accepts(ty)
            }

            $crate::postgres::types::to_sql_checked!();
        }

        impl<'a> $crate::postgres::types::FromSql<'a> for $name {
            fn from_sql(
                ty: &$crate::postgres::types::Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                <$inner as $crate::postgres::types::FromSql>::from_sql(ty, raw).map(Self)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <$inner as $crate::postgres::types::FromSql>::accepts(ty)
            }
        }

        impl $crate::SqlType for $name {
            const TYPE: $crate::postgres::types::Type = $type;
            const ARRAY: $crate::postgres::types::Type = <$inner as $crate::SqlType>::ARRAY;
        }
    };
}

/// Defines a struct that is also a row: each field is read from the column of its name.
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

#[doc(hidden)]
pub mod postgres {
    pub use bytes::BytesMut;
    pub use tokio_postgres::{Error, Row, types};
}

/// Defines an enum whose variants are the labels of a PostgreSQL enum, of JSON and of queries
/// alike. It travels as text: a label that a newer schema adds breaks only who reads it.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident : $case:literal { $($(#[$doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
            strum::EnumString, strum::IntoStaticStr, strum::VariantNames, schemars::JsonSchema,
        )]
        #[serde(rename_all = $case)]
        #[strum(serialize_all = $case)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// The label as stored and sent.
            pub fn label(self) -> &'static str {
                self.into()
            }

            /// Every label, in order of declaration.
            pub const LABELS: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.label())
            }
        }

        impl $crate::postgres::types::ToSql for $name {
            fn to_sql(
                &self,
                ty: &$crate::postgres::types::Type,
                out: &mut $crate::postgres::BytesMut,
            ) -> Result<$crate::postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
                self.label().to_sql(ty, out)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <&str as $crate::postgres::types::ToSql>::accepts(ty)
            }

            $crate::postgres::types::to_sql_checked!();
        }

        impl<'a> $crate::postgres::types::FromSql<'a> for $name {
            fn from_sql(
                ty: &$crate::postgres::types::Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                Ok(<&str as $crate::postgres::types::FromSql>::from_sql(ty, raw)?.parse()?)
            }

            fn accepts(ty: &$crate::postgres::types::Type) -> bool {
                <&str as $crate::postgres::types::FromSql>::accepts(ty)
            }
        }

        impl $crate::SqlType for $name {
            const TYPE: $crate::postgres::types::Type = $crate::postgres::types::Type::TEXT;
            const ARRAY: $crate::postgres::types::Type = $crate::postgres::types::Type::TEXT_ARRAY;
        }
    };
}
