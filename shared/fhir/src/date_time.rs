//! FHIR's `dateTime`: <https://hl7.org/fhir/R4/datatypes.html#dateTime>

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A point in time. FHIR allows a day, month or year without a time of day. Such a value means its
/// first moment in UTC.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The point in time.
    pub at: Timestamp,
    /// Whether the source has a time of day.
    pub is_exact: bool,
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a FHIR dateTime"))
    }
}

impl When {
    fn parse(text: &str) -> Option<Self> {
        if text.contains('T') {
            return Some(Self {
                at: text.parse().ok()?,
                is_exact: true,
            });
        }
        let date: Date = match text.len() {
            4 => format!("{text}-01-01").parse().ok()?,
            7 => format!("{text}-01").parse().ok()?,
            10 => text.parse().ok()?,
            _ => return None,
        };
        let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self {
            at,
            is_exact: false,
        })
    }
}
