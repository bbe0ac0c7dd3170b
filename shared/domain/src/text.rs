//! Text types that are checked when they are parsed and need no check afterwards.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::zone::Zone;
use errors::Error;
use parsing::{TextKind, expected, expected_text, normal, unfit};
use sql::delegate_sql;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $pattern:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(transparent)]
        pub struct $name<const MAX: usize>(String);

        impl<const MAX: usize> $name<MAX> {
            /// The text as a string slice.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> fmt::Display for $name<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<const MAX: usize> JsonSchema for $name<MAX> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                format!("{}{MAX}", stringify!($name)).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "minLength": 1, "maxLength": MAX, "pattern": $pattern})
            }
        }

        impl<'de, const MAX: usize> Deserialize<'de> for $name<MAX> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parse(&String::deserialize(deserializer)?, MAX, TextKind::$name).map(Self)
            }
        }

        impl<const MAX: usize> tokio_postgres::types::ToSql for $name<MAX> {
            fn to_sql(
                &self,
                ty: &tokio_postgres::types::Type,
                out: &mut bytes::BytesMut,
            ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
                self.0.to_sql(ty, out)
            }

            fn accepts(ty: &tokio_postgres::types::Type) -> bool {
                <String as tokio_postgres::types::ToSql>::accepts(ty)
            }

            tokio_postgres::types::to_sql_checked!();
        }

        // Stored text needs no check: it was checked when it was parsed from a request.
        impl<'a, const MAX: usize> tokio_postgres::types::FromSql<'a> for $name<MAX> {
            fn from_sql(
                ty: &tokio_postgres::types::Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                String::from_sql(ty, raw).map(Self)
            }

            fn accepts(ty: &tokio_postgres::types::Type) -> bool {
                <String as tokio_postgres::types::FromSql>::accepts(ty)
            }
        }

        impl<const MAX: usize> sql::SqlType for $name<MAX> {
            const TYPE: tokio_postgres::types::Type = tokio_postgres::types::Type::TEXT;
            const ARRAY: tokio_postgres::types::Type = tokio_postgres::types::Type::TEXT_ARRAY;
        }
    )+};
}

// The patterns allow white space at both ends, which is removed.
texts! {
    /// One line of 1 to `MAX` characters that identifies something, such as a patient number. It is kept in
    /// Unicode Normalization Form C, without white space at its ends and with single spaces in it. It has no
    /// control character and no invisible one, so two that look the same are the same.
    Identifier: r"^\s*\S([^\n\r]*\S)?\s*$";
    /// One line of 1 to `MAX` characters, such as a name. It is kept in the same form as an [`Identifier`], but
    /// may have the joiners that some scripts need within a word.
    Line: r"^\s*\S([^\n\r]*\S)?\s*$";
    /// Text of 1 to `MAX` characters, which may have line breaks and tabs. It is kept in Unicode Normalization
    /// Form C and without white space at its ends. It has no other control character and no invisible one.
    Text: r"\S";
}

/// The text in its normal form. Errors: it is blank, too long, or has a character that it may not have.
fn parse<E: serde::de::Error>(sent: &str, max: usize, kind: TextKind) -> Result<String, E> {
    let text = normal(sent, kind);
    let what = match kind {
        TextKind::Identifier | TextKind::Line => format!("one line of 1 to {max} characters"),
        TextKind::Text => format!("text of 1 to {max} characters"),
    };
    let refused = |fault| Err(expected_text(&what, "text", fault));
    let length = text.chars().count();
    if length == 0 {
        return refused("that are all blank".to_owned());
    }
    if length > max {
        return refused(String::new());
    }
    match unfit(&text, kind) {
        None => Ok(text),
        Some('\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') => {
            refused("with a line break".to_owned())
        }
        Some(c) => refused(format!(
            "with the control or invisible character U+{:04X}",
            u32::from(c)
        )),
    }
}

/// An e-mail address in the form `local@domain` with at most 254 characters (RFC 5321). It is stored in
/// lower case, because two user names may not differ only in case.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "email", "maxLength" = 254))]
pub struct EmailAddress(String);

delegate_sql!(EmailAddress, String, tokio_postgres::types::Type::TEXT);

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = normal(&String::deserialize(deserializer)?, TextKind::Identifier);
        let plain = text.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len())
                && domain.split('.').count() > 1
                && domain.split('.').all(|label| !label.is_empty())
                && !domain.contains('@')
        });
        let is_fit = unfit(&text, TextKind::Identifier).is_none() && !text.contains(' ');
        if !plain || !is_fit || text.len() > 254 {
            return Err(expected("an e-mail address", "ada@example.org"));
        }
        Ok(Self(text.to_lowercase()))
    }
}

/// An `https` URL (RFC 3986) of at most 500 characters. A page can link to it safely, because it can't
/// be a `javascript:` URL.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "uri", "maxLength" = 500, "pattern" = "^https://"))]
pub struct HttpsUrl(String);

impl<'de> Deserialize<'de> for HttpsUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_link = text.len() <= 500
            && text.starts_with("https://")
            && text
                .parse::<http::Uri>()
                .is_ok_and(|uri| uri.host().is_some());
        if !is_link {
            return Err(expected(
                "an https URL of at most 500 characters",
                "https://example.org/visit",
            ));
        }
        Ok(Self(text))
    }
}

/// The name of a time zone in the IANA time zone database.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[schemars(inline, extend("examples" = ["America/New_York"]))]
pub struct ZoneName(String);

impl ZoneName {
    /// The zone. Errors: a later database no longer knows it.
    pub fn time_zone(&self) -> Result<Zone, Error> {
        Zone::named(&self.0).ok_or(Error::Internal("a stored time zone is unknown"))
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Zone::named(&text) {
            Some(_) => Ok(Self(text)),
            None => Err(expected(
                "the name of an IANA time zone",
                "America/New_York",
            )),
        }
    }
}
