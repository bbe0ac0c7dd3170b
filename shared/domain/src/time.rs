//! Points in time, dates and times of day, as RFC 3339 writes them and in no other form.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

pub use chrono::TimeDelta;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, SecondsFormat, SubsecRound as _};
use chrono::{Timelike as _, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio_postgres::types::Type;

use sql::delegate_sql;

use parsing::expected;

/// A point in time, to the microsecond: PostgreSQL stores no more.
///
/// Its text is an RFC 3339 date-time. It is written in UTC with `Z`, and with the digits of the
/// fraction that are not trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// A date. Its text is an RFC 3339 full-date: `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(NaiveDate);

/// A time of day in whole minutes. Its text is `HH:MM` or `HH:MM:00`, and is written as the latter,
/// an RFC 3339 partial-time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(NaiveTime);

/// A time of day in whole seconds, which is not bound to a time zone. Its text is an RFC 3339 partial-time: `HH:MM:SS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockTime(NaiveTime);

/// Text that is not of the expected form. The message doesn't repeat it: it may be PHI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexpected {
    pub(crate) what: &'static str,
    pub(crate) example: &'static str,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// The current time.
    pub fn now() -> Self {
        Utc::now().into()
    }

    /// The first day of the month that it lies in, UTC.
    pub fn first_of_month(self) -> Date {
        let date = self.0.date_naive();
        Date(date.with_day(1).unwrap_or(date))
    }

    /// Whole milliseconds since 1970. A time before 1970 gives 0.
    pub(crate) fn milliseconds(self) -> u64 {
        self.0.timestamp_millis().try_into().unwrap_or_default()
    }

    /// Whole microseconds since 1970. Negative before.
    pub fn microseconds(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// RFC 3339 in UTC, always with six decimals.
    pub fn with_microseconds(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

impl Time {
    /// The beginning of a day.
    pub const MIDNIGHT: Self = Self(NaiveTime::MIN);
}

impl From<DateTime<Utc>> for Timestamp {
    /// Rounds to the nearest microsecond.
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.round_subsecs(6))
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(time: Timestamp) -> Self {
        time.0
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl From<Date> for NaiveDate {
    fn from(date: Date) -> Self {
        date.0
    }
}

impl From<Time> for NaiveTime {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl FromStr for Timestamp {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        // chrono also takes a space for the `T`, and U+2212 for the minus of an offset.
        let is_strict = text.is_ascii() && !text.contains(' ');
        let time = DateTime::parse_from_rfc3339(text)
            .ok()
            .filter(|_| is_strict);
        // A leap second is refused: Unix time and PostgreSQL have none, so `:60` would be stored as
        // the second after it.
        time.filter(|time| time.nanosecond() < 1_000_000_000)
            .map(|time| Self::from(time.to_utc()))
            // The offset may lead out of the years that four digits write.
            .filter(|time| (0..=9999).contains(&time.0.year()))
            .ok_or(Unexpected {
                what: "a time with its offset from UTC (RFC 3339)",
                example: "2026-03-01T09:30:00Z",
            })
    }
}

impl FromStr for Date {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        // chrono also takes signs, spaces, and fewer or more digits.
        let date = text.parse::<NaiveDate>().ok();
        date.filter(|date| text.len() == 10 && date.to_string() == text)
            .map(Self)
            .ok_or(Unexpected {
                what: "a date (RFC 3339)",
                example: "2026-03-01",
            })
    }
}

impl FromStr for Time {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let is_form_of = |time: &NaiveTime| {
            let full = time.to_string();
            full.strip_suffix(":00")
                .is_some_and(|short| text == full || text == short)
        };
        let time = text.parse().ok();
        time.filter(is_form_of).map(Self).ok_or(Unexpected {
            what: "a time of day in whole minutes",
            example: "09:30",
        })
    }
}

impl FromStr for ClockTime {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let time = text.parse::<NaiveTime>().ok();
        // chrono takes `:60` for a leap second.
        time.filter(|time| time.nanosecond() == 0 && time.to_string() == text)
            .map(Self)
            .ok_or(Unexpected {
                what: "a time of day in whole seconds (RFC 3339)",
                example: "09:30:00",
            })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.with_microseconds();
        let digits = text.trim_end_matches('Z').trim_end_matches('0');
        write!(f, "{}Z", digits.trim_end_matches('.'))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, for example {}", self.what, self.example)
    }
}

impl std::error::Error for Unexpected {}

impl Add<TimeDelta> for Timestamp {
    type Output = Self;

    fn add(self, delta: TimeDelta) -> Self {
        (self.0 + delta).into()
    }
}

impl AddAssign<TimeDelta> for Timestamp {
    fn add_assign(&mut self, delta: TimeDelta) {
        *self = *self + delta;
    }
}

impl Sub<TimeDelta> for Timestamp {
    type Output = Self;

    fn sub(self, delta: TimeDelta) -> Self {
        (self.0 - delta).into()
    }
}

impl Sub for Timestamp {
    type Output = TimeDelta;

    fn sub(self, earlier: Self) -> TimeDelta {
        self.0 - earlier.0
    }
}

/// JSON as the text of [`Display`](fmt::Display) and [`FromStr`], and the function that describes it.
macro_rules! text_json {
    ($($name:ident: $schema:expr),+ $(,)?) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse()
                    .map_err(|Unexpected { what, example }| expected(what, example))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                $schema(generator)
            }
        }
    )+};
}
pub(crate) use text_json;

text_json!(
    Timestamp: <DateTime<Utc>>::json_schema,
    Date: NaiveDate::json_schema,
    Time: NaiveTime::json_schema,
    ClockTime: NaiveTime::json_schema,
);
delegate_sql!(Timestamp, DateTime<Utc>, Type::TIMESTAMPTZ);
delegate_sql!(Date, NaiveDate, Type::DATE);

#[cfg(test)]
mod tests;
