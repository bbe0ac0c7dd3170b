//! Values in jsonb columns.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use tokio_postgres::types::{FromSql, IsNull, Json, ToSql, Type, to_sql_checked};

use crate::parameter::SqlType;

/// A value that PostgreSQL stores as jsonb. In JSON and in its JSON Schema it looks like the value
/// itself.
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

impl<T: serde::Serialize + std::fmt::Debug + Sync> SqlType for Jsonb<T> {
    const TYPE: Type = Type::JSONB;
    const ARRAY: Type = Type::JSONB_ARRAY;
}
