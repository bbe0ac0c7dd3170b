//! The time of a clinical fact, as exactly as it is known: FHIR R4's `dateTime`
//! (<https://hl7.org/fhir/R4/datatypes.html#dateTime>).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime as ChronoDateTime, Datelike as _, Days, NaiveDate, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use parsing::expected;

use crate::time::{Date, Timestamp, Unexpected, text_json};

/// The first year in which a clinical fact can lie. Nobody alive was born before it.
const FIRST_YEAR: i32 = 1850;

const EXAMPLE: &str = "2026-03-01";
const FORM: Unexpected = Unexpected {
    what: "a time (RFC 3339), or a day, month or year such as 2026-03-01, 2026-03 or 2026, in 1850 or later",
    example: EXAMPLE,
};
const PAST_FORM: Unexpected = Unexpected {
    what: "a time that isn't in the future (RFC 3339), or a day, month or year such as \
    2026-03-01, 2026-03 or 2026, in 1850 or later",
    example: EXAMPLE,
};
const BIRTH_FORM: Unexpected = Unexpected {
    what: "a day, month or year such as 1984-07-21, 1984-07 or 1984, in 1850 or later",
    example: "1984-07-21",
};

/// A point in time, a day, a month or a year.
///
/// Its text is that of a [`Timestamp`], `YYYY-MM-DD`, `YYYY-MM` or `YYYY`. A date that isn't known more
/// exactly is kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateTime {
    /// A calendar year.
    Year(i32),
    /// A month, by its first day.
    Month(NaiveDate),
    /// A day.
    Day(Date),
    /// A point in time.
    Moment(Timestamp),
}

/// A [`DateTime`] that isn't in the future. As clocks and time zones differ, a time within the next day is
/// accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastDateTime(DateTime);

/// A date of birth: a day, a month or a year, as FHIR R4's `date`. The database refuses one in the future.
///
/// Two dates of birth can be the same if the text of one is the beginning of the text of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BirthDate(DateTime);

impl DateTime {
    /// The first day of the period, UTC.
    fn first_day(self) -> Option<NaiveDate> {
        match self {
            Self::Year(year) => NaiveDate::from_ymd_opt(year, 1, 1),
            Self::Month(first) => Some(first),
            Self::Day(day) => Some(day.into()),
            Self::Moment(time) => Some(ChronoDateTime::from(time).date_naive()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let day = |text: &str| text.parse::<Date>().ok().map(NaiveDate::from);
        Some(match text.len() {
            4 => Self::Year(day(&format!("{text}-01-01"))?.year()),
            7 => Self::Month(day(&format!("{text}-01"))?),
            10 => Self::Day(text.parse().ok()?),
            _ => Self::Moment(text.parse().ok()?),
        })
    }
}

impl FromStr for DateTime {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        Self::parse(text)
            .filter(|time| time.first_day().is_some_and(|day| day.year() >= FIRST_YEAR))
            .ok_or(FORM)
    }
}

impl FromStr for PastDateTime {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let last_day = Utc::now().date_naive().checked_add_days(Days::new(1));
        text.parse()
            .ok()
            .filter(|time: &DateTime| time.first_day() <= last_day)
            .map(Self)
            .ok_or(PAST_FORM)
    }
}

impl FromStr for BirthDate {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        text.parse()
            .ok()
            .filter(|time| !matches!(time, DateTime::Moment(_)))
            .map(Self)
            .ok_or(BIRTH_FORM)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Month(first) => write!(f, "{}", first.format("%Y-%m")),
            Self::Day(day) => day.fmt(f),
            Self::Moment(time) => time.fmt(f),
        }
    }
}

impl fmt::Display for PastDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ToSql for BirthDate {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.to_string().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <String as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for BirthDate {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(<&str>::from_sql(ty, raw)?.parse()?)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as FromSql>::accepts(ty)
    }
}

impl sql::SqlType for BirthDate {
    const TYPE: Type = Type::TEXT;
    const ARRAY: Type = Type::TEXT_ARRAY;
}

fn birth_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [
        {"type": "string", "format": "date", "examples": ["1984-07-21"]},
        {"type": "string", "pattern": "^[0-9]{4}(-(0[1-9]|1[0-2]))?$"},
    ]})
}

fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [
        {"type": "string", "format": "date-time", "examples": ["2026-03-01T09:30:00Z"]},
        {"type": "string", "format": "date"},
        {"type": "string", "pattern": "^[0-9]{4}(-(0[1-9]|1[0-2]))?$"},
    ]})
}

text_json!(DateTime: schema, PastDateTime: schema, BirthDate: birth_schema);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_kept_as_exactly_as_it_is_known() {
        for (text, kept) in [
            ("2019", "2019"),
            ("2019-05", "2019-05"),
            ("2019-05-17", "2019-05-17"),
            ("2019-05-17T10:30:00+02:00", "2019-05-17T08:30:00Z"),
            ("2016-02-29", "2016-02-29"),
            ("1850", "1850"),
        ] {
            assert_eq!(text.parse::<DateTime>().unwrap().to_string(), kept);
            assert_eq!(text.parse::<PastDateTime>().unwrap().to_string(), kept);
        }
    }

    #[test]
    fn other_forms_and_times_before_1850_are_refused() {
        for text in [
            "",
            "19",
            "219",
            "1849",
            "0001",
            "+201",
            "2019-5",
            "2019-13",
            "2019-00",
            "2019-02-29",
            "20190517",
            "2019-05-17T10:30",
            "2019-05-17 10:30:00Z",
            "1849-12-31T23:59:59Z",
            "20a9",
            "२०१९",
        ] {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_of_birth_is_a_day_a_month_or_a_year() {
        for text in ["1984", "1984-07", "1984-07-21", "1850", "1850-01-01"] {
            assert_eq!(text.parse::<BirthDate>().unwrap().to_string(), text);
        }
        for text in ["1849-12-31", "84", "1984-07-21T00:00:00Z", "1984-13", ""] {
            assert!(text.parse::<BirthDate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_fact_does_not_lie_in_the_future() {
        let year = Utc::now().year();
        for (text, is_past) in [
            (year.to_string(), true),
            ((year + 2).to_string(), false),
            (format!("{}-01", year + 2), false),
            (Timestamp::now().to_string(), true),
            (
                (Timestamp::now() + chrono::TimeDelta::days(3)).to_string(),
                false,
            ),
            ("9999-12-31".to_owned(), false),
        ] {
            assert_eq!(text.parse::<PastDateTime>().is_ok(), is_past, "{text}");
            assert!(text.parse::<DateTime>().is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(days in 0_u64..60_000, form in 0_u8..3) {
            let day = NaiveDate::from_ymd_opt(1850, 1, 1).unwrap() + Days::new(days);
            let text = day.format(["%Y", "%Y-%m", "%Y-%m-%d"][usize::from(form)]).to_string();
            prop_assert_eq!(text.parse::<DateTime>().unwrap().to_string(), text);
        }
    }
}
