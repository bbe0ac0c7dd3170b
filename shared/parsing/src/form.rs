//! Parses a query string (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

use errors::Error;
use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use crate::fault::Fault;

/// Parses a query string into a type. `elsewhere` names the parameters that something else reads: they
/// are known, and ignored here. Errors: a parameter is unknown, missing, repeated or not of its type.
pub fn form<T: DeserializeOwned>(query: &str, elsewhere: &[&str]) -> Result<T, Error> {
    let pairs = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| !elsewhere.contains(&name.as_ref()))
        .map(|(name, value)| (Text(name), Text(value)));
    let pairs: MapDeserializer<'_, _, Fault> = MapDeserializer::new(pairs);
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        error.into_inner().at(&path, elsewhere)
    })
}

/// The text of a parameter as a deserializer. The target type decides how the text is parsed.
struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    fn parsed<T: std::str::FromStr>(&self, expected: &dyn serde::de::Expected) -> Result<T, Fault> {
        self.0
            .parse()
            .map_err(|_| Fault::invalid_value(Unexpected::Other("text"), expected))
    }
}

macro_rules! parsed {
    ($($method:ident: $type:ty, $visit:ident;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let value: $type = self.parsed(&visitor)?;
            visitor.$visit(value)
        }
    )+};
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = Fault;

    parsed! {
        deserialize_bool: bool, visit_bool;
        deserialize_i8: i8, visit_i8;
        deserialize_i16: i16, visit_i16;
        deserialize_i32: i32, visit_i32;
        deserialize_i64: i64, visit_i64;
        deserialize_u8: u8, visit_u8;
        deserialize_u16: u16, visit_u16;
        deserialize_u32: u32, visit_u32;
        deserialize_u64: u64, visit_u64;
        deserialize_f32: f32, visit_f32;
        deserialize_f64: f64, visit_f64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_string(self.0.into_owned())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let label: StringDeserializer<Fault> = self.0.into_owned().into_deserializer();
        label.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl IntoDeserializer<'_, Fault> for Text<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        text: Option<String>,
        count: Option<u8>,
        #[serde(default)]
        flag: bool,
        label: Option<Label>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    enum Label {
        One,
        Two,
    }

    #[test]
    fn each_parameter_is_read_as_its_type() {
        let filter: Filter = form("text=a%20b%2Bc+d&count=7&flag=true&label=ONE", &[]).unwrap();
        let expected = Filter {
            text: Some("a b+c d".to_owned()),
            count: Some(7),
            flag: true,
            label: Some(Label::One),
        };
        assert_eq!(filter, expected);
        assert_eq!(form::<Filter>("", &[]).unwrap(), Filter::default());
        let other = form::<Filter>("other=1", &["other"]).unwrap();
        assert_eq!(other, Filter::default());
    }

    #[test]
    fn the_parameter_at_fault_is_named_and_its_value_is_not() {
        for (query, field, message) in [
            (
                "count=zebrafish",
                "count",
                "expected a whole number in range",
            ),
            ("count=256", "count", "expected a whole number in range"),
            ("flag=yes", "flag", "expected a boolean"),
            ("label=THREE", "label", "expected `ONE` or `TWO`"),
            ("text=a&text=b", "text", "appears twice"),
            (
                "zebrafish=1",
                "zebrafish",
                "is not a known field or parameter; expected one of `text`, `count`, `flag`, `label`, `limit`",
            ),
        ] {
            match form::<Filter>(query, &["limit"]) {
                Err(Error::Invalid(errors)) => {
                    assert_eq!(errors[0].field, field, "{query}");
                    assert_eq!(errors[0].message, message, "{query}");
                }
                other => panic!("{query}: {other:?}"),
            }
        }
    }
}
