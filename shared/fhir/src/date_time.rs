//! FHIR's `dateTime`, `instant` and `date`: <https://hl7.org/fhir/R4/datatypes.html#dateTime>

use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A point in time, or a day, month or year without a time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// The first moment, in UTC.
    pub at: DateTime<Utc>,
    /// The day, month or year as the source has it. None if the source has a time of day.
    pub period: Option<String>,
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a FHIR dateTime"))
    }
}

/// A day, month or year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Date(pub String);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let date = When::deserialize(deserializer)?.period;
        date.map(Self)
            .ok_or_else(|| D::Error::custom("a FHIR date"))
    }
}

impl When {
    /// The moment at which it is over: it begins, or the day, month or year ends, in UTC.
    pub fn ends(&self) -> DateTime<Utc> {
        let day = self.at.date_naive();
        let next = match self.period.as_ref().map(String::len) {
            Some(4) => day.checked_add_months(Months::new(12)),
            Some(7) => day.checked_add_months(Months::new(1)),
            Some(_) => day.succ_opt(),
            None => None,
        };
        next.map_or(self.at, |next| next.and_time(NaiveTime::MIN).and_utc())
    }

    fn parse(text: &str) -> Option<Self> {
        if text.contains('T') {
            return Some(Self {
                at: DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
                period: None,
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
            period: Some(text.to_owned()),
        })
    }
}
