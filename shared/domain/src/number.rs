//! Numbers with bounds.

use std::borrow::Cow;

use parsing::expected;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A whole number from `MIN` to `MAX`. PostgreSQL stores it as an `integer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Whole<const MIN: i32, const MAX: i32>(i32);

/// A number that isn't negative. It is kept with all its digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NonNegative(Number);

impl<'de> Deserialize<'de> for NonNegative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        match number.as_str().starts_with('-') {
            true => Err(expected("a number that isn't negative", 1)),
            false => Ok(Self(number)),
        }
    }
}

impl JsonSchema for NonNegative {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NonNegative".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0})
    }
}

impl<const MIN: i32, const MAX: i32> Whole<MIN, MAX> {
    /// The number.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl<'de, const MIN: i32, const MAX: i32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        let number = i32::try_from(number).ok();
        number
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or_else(|| {
                expected(
                    &format!("a whole number from {MIN} to {MAX}"),
                    30.clamp(MIN, MAX),
                )
            })
    }
}

impl<const MIN: i32, const MAX: i32> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "format": "int32", "minimum": MIN, "maximum": MAX})
    }
}

impl<const MIN: i32, const MAX: i32> ToSql for Whole<MIN, MAX> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <i32 as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

// A stored number needs no check: the column has the same bounds.
impl<'a, const MIN: i32, const MAX: i32> FromSql<'a> for Whole<MIN, MAX> {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        i32::from_sql(ty, raw).map(Self)
    }

    fn accepts(ty: &Type) -> bool {
        <i32 as FromSql>::accepts(ty)
    }
}

impl<const MIN: i32, const MAX: i32> sql::SqlType for Whole<MIN, MAX> {
    const TYPE: Type = Type::INT4;
    const ARRAY: Type = Type::INT4_ARRAY;
}
