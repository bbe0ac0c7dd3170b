//! Hours, and the free time in them (seed B: schedules).
//!
//! A moment is open when the clock of the schedule's zone shows a time within that date's hours.
//! So an hour that a change to winter time repeats is open twice, and one that a change to summer
//! time leaves out never comes.

use std::ops::Range;

use chrono::{DateTime, Datelike as _, Days, FixedOffset, NaiveDate, NaiveDateTime};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::text::ZoneName;
use super::zone::Zone;
use crate::time::{Date, Time, TimeDelta, Timestamp};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl From<NaiveDate> for Weekday {
    fn from(date: NaiveDate) -> Self {
        match date.weekday() {
            chrono::Weekday::Mon => Self::Mon,
            chrono::Weekday::Tue => Self::Tue,
            chrono::Weekday::Wed => Self::Wed,
            chrono::Weekday::Thu => Self::Thu,
            chrono::Weekday::Fri => Self::Fri,
            chrono::Weekday::Sat => Self::Sat,
            chrono::Weekday::Sun => Self::Sun,
        }
    }
}

/// Hours that recur each week, in the schedule's time zone.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// On which day.
    pub weekday: Weekday,
    /// From when, local time.
    pub from: Time,
    /// Until when, local time; 00:00 is the day's end.
    pub to: Time,
}

/// Hours of one date; none at all where both times are absent.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionalHours {
    /// On which date.
    pub date: Date,
    /// From when, local time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Until when, local time; 00:00 is the day's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
}

/// When a provider sees patients.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The zone of all its times.
    pub time_zone: ZoneName,
    /// Each week. Hours of one day add up.
    #[serde(deserialize_with = "weekly")]
    pub weekly: Vec<WeeklyHours>,
    /// Instead, on single dates.
    #[serde(
        default,
        deserialize_with = "exceptions",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exceptions: Vec<ExceptionalHours>,
    /// How many minutes ahead patients book at least; an hour where not said.
    #[serde(
        default,
        deserialize_with = "lead_minutes",
        skip_serializing_if = "Option::is_none"
    )]
    pub lead_minutes: Option<u32>,
}

fn ends_behind(from: Time, to: Time) -> bool {
    from < to || to == Time::MIDNIGHT
}

fn weekly<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WeeklyHours>, D::Error> {
    let hours = Vec::<WeeklyHours>::deserialize(deserializer)?;
    if hours.len() > 100 || !hours.iter().all(|h| ends_behind(h.from, h.to)) {
        return Err(D::Error::custom(
            "expected at most 100 hours that end after they begin",
        ));
    }
    Ok(hours)
}

fn exceptions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ExceptionalHours>, D::Error> {
    let hours = Vec::<ExceptionalHours>::deserialize(deserializer)?;
    let ordered = hours.iter().all(|h| match (h.from, h.to) {
        (Some(from), Some(to)) => ends_behind(from, to),
        (from, to) => from.is_none() && to.is_none(),
    });
    if hours.len() > 1000 || !ordered {
        return Err(D::Error::custom(
            "expected at most 1000 dates, each without times or with both, the end behind",
        ));
    }
    Ok(hours)
}

fn lead_minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let minutes = Option::<u32>::deserialize(deserializer)?;
    if minutes.is_some_and(|minutes| minutes > 525_600) {
        return Err(D::Error::custom("expected at most 525600 minutes, a year"));
    }
    Ok(minutes)
}

/// What is asked of a schedule.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// When a slot may begin and must have ended.
    pub within: Range<Timestamp>,
    /// Its length.
    pub length: TimeDelta,
    /// Before which none is booked any more.
    pub earliest: Timestamp,
}

impl Schedule {
    /// How long ahead patients book at least.
    pub fn lead(&self) -> TimeDelta {
        TimeDelta::minutes(self.lead_minutes.unwrap_or(60).into())
    }

    /// The free slots, in order: each date's hours are cut into slots from their beginning on, and
    /// those that overlap what is taken are left out.
    pub fn free_slots(
        &self,
        zone: &Zone,
        taken: &[Range<Timestamp>],
        wanted: &Wanted,
    ) -> Vec<Range<Timestamp>> {
        let mut slots = Vec::new();
        for open in self.open_hours(zone, &wanted.within) {
            let mut begins = open.start;
            while begins + wanted.length <= open.end {
                let ends = begins + wanted.length;
                let fits = begins >= wanted.within.start.max(wanted.earliest)
                    && ends <= wanted.within.end
                    && !taken.iter().any(|t| begins < t.end && t.start < ends);
                if fits {
                    slots.push(begins..ends);
                }
                begins = ends;
            }
        }
        slots
    }

    /// The hours of the dates around `within`, in order: those of one date that touch are one.
    fn open_hours(&self, zone: &Zone, within: &Range<Timestamp>) -> Vec<Range<Timestamp>> {
        // Two days more on each side hold every date that the range touches as a whole.
        let margin = TimeDelta::hours(48);
        let (first, last) = (within.start - margin, within.end + margin);

        // Between two changes of the clock, local time is the instant plus a constant.
        let bounds: Vec<_> = std::iter::once(first)
            .chain(zone.changes(&(first..last)))
            .chain([last])
            .collect();
        let mut open: Vec<(NaiveDate, Range<Timestamp>)> = Vec::new();
        for pair in bounds.windows(2) {
            let offset = zone.offset(pair[0]);
            let date = |at| DateTime::from(at).with_timezone(&offset).date_naive();
            let end = date(pair[1]);
            for date in date(pair[0]).iter_days().take_while(|date| *date <= end) {
                for hours in self.hours_on(date) {
                    let begins = instant(offset, hours.start).max(pair[0]);
                    let ends = instant(offset, hours.end).min(pair[1]);
                    if begins < ends {
                        open.push((date, begins..ends));
                    }
                }
            }
        }
        open.sort_by_key(|(_, hours)| hours.start);
        open.dedup_by(|(date, next), (of, former)| {
            let same = date == of && next.start <= former.end;
            if same {
                former.end = former.end.max(next.end);
            }
            same
        });
        open.into_iter().map(|(_, hours)| hours).collect()
    }

    fn hours_on(&self, date: NaiveDate) -> Vec<Range<NaiveDateTime>> {
        let hours = |from: Time, to: Time| {
            let end = match to {
                Time::MIDNIGHT => date + Days::new(1),
                _ => date,
            };
            date.and_time(from.into())..end.and_time(to.into())
        };
        let exceptions: Vec<_> = self
            .exceptions
            .iter()
            .filter(|e| NaiveDate::from(e.date) == date)
            .collect();
        if exceptions.is_empty() {
            let weekday = Weekday::from(date);
            let weekly = self.weekly.iter().filter(|w| w.weekday == weekday);
            return weekly.map(|weekly| hours(weekly.from, weekly.to)).collect();
        }
        let exceptions = exceptions.iter().filter_map(|e| e.from.zip(e.to));
        exceptions.map(|(from, to)| hours(from, to)).collect()
    }
}

fn instant(offset: FixedOffset, local: NaiveDateTime) -> Timestamp {
    (local - offset).and_utc().into()
}

#[cfg(test)]
mod tests;
