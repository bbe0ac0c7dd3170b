//! FHIR's `dateTime`: <https://hl7.org/fhir/R4/datatypes.html#dateTime>

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A point in time. FHIR allows a day, month or year without a time of day. Such a value means its
/// first moment in UTC.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The point in time.
    pub at: DateTime<Utc>,
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
                at: DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
                is_exact: true,
            });
        }
        let date: NaiveDate = match text.len() {
            4 => format!("{text}-01-01").parse().ok()?,
            7 => format!("{text}-01").parse().ok()?,
            10 => text.parse().ok()?,
            _ => return None,
        };
        Some(Self {
            at: date.and_time(NaiveTime::MIN).and_utc(),
            is_exact: false,
        })
    }
}
