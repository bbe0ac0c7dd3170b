//! Hours, and the free time in them (seed B: schedules).
//!
//! A moment is open when the clock of the schedule's zone shows a time within that date's hours.
//! So an hour that a change to winter time repeats is open twice, and one that a change to summer
//! time leaves out never comes.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::text::ZoneName;

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

impl From<Date> for Weekday {
    fn from(date: Date) -> Self {
        match date.weekday() {
            jiff::civil::Weekday::Monday => Self::Mon,
            jiff::civil::Weekday::Tuesday => Self::Tue,
            jiff::civil::Weekday::Wednesday => Self::Wed,
            jiff::civil::Weekday::Thursday => Self::Thu,
            jiff::civil::Weekday::Friday => Self::Fri,
            jiff::civil::Weekday::Saturday => Self::Sat,
            jiff::civil::Weekday::Sunday => Self::Sun,
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
    #[serde(deserialize_with = "whole_minute")]
    pub from: Time,
    /// Until when, local time; 00:00 is the day's end.
    #[serde(deserialize_with = "whole_minute")]
    pub to: Time,
}

/// Hours of one date; none at all where both times are absent.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionalHours {
    /// On which date.
    pub date: Date,
    /// From when, local time.
    #[serde(
        default,
        deserialize_with = "optional_whole_minute",
        skip_serializing_if = "Option::is_none"
    )]
    pub from: Option<Time>,
    /// Until when, local time; 00:00 is the day's end.
    #[serde(
        default,
        deserialize_with = "optional_whole_minute",
        skip_serializing_if = "Option::is_none"
    )]
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

fn is_whole_minute(time: Time) -> bool {
    time.second() == 0 && time.subsec_nanosecond() == 0
}

fn whole_minute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let time = Time::deserialize(deserializer)?;
    if !is_whole_minute(time) {
        return Err(D::Error::custom("expected a whole minute"));
    }
    Ok(time)
}

fn optional_whole_minute<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Time>, D::Error> {
    let time = Option::<Time>::deserialize(deserializer)?;
    if time.is_some_and(|time| !is_whole_minute(time)) {
        return Err(D::Error::custom("expected a whole minute"));
    }
    Ok(time)
}

fn ends_behind(from: Time, to: Time) -> bool {
    from < to || to == Time::midnight()
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
    pub length: SignedDuration,
    /// Before which none is booked any more.
    pub earliest: Timestamp,
}

impl Schedule {
    /// How long ahead patients book at least.
    pub fn lead(&self) -> SignedDuration {
        SignedDuration::from_mins(self.lead_minutes.unwrap_or(60).into())
    }

    /// The free slots, in order: each date's hours are cut into slots from their beginning on, and
    /// those that overlap what is taken are left out.
    pub fn free_slots(
        &self,
        zone: &TimeZone,
        taken: &[Range<Timestamp>],
        wanted: &Wanted,
    ) -> Vec<Range<Timestamp>> {
        let mut slots = Vec::new();
        for open in self.open_hours(zone, &wanted.within) {
            let mut begins = open.start;
            while let Ok(ends) = begins.checked_add(wanted.length)
                && ends <= open.end
            {
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
    fn open_hours(&self, zone: &TimeZone, within: &Range<Timestamp>) -> Vec<Range<Timestamp>> {
        // Two days more on each side hold every date that the range touches as a whole.
        let margin = SignedDuration::from_hours(48);
        let first = within.start.checked_sub(margin).unwrap_or(Timestamp::MIN);
        let last = within.end.checked_add(margin).unwrap_or(Timestamp::MAX);

        // Between two changes of the clock, local time is the instant plus a constant.
        let changes = zone.following(first).map(|change| change.timestamp());
        let bounds: Vec<_> = std::iter::once(first)
            .chain(changes.take_while(|change| *change < last))
            .chain([last])
            .collect();
        let mut open: Vec<(Date, Range<Timestamp>)> = Vec::new();
        for pair in bounds.windows(2) {
            let offset = zone.to_offset(pair[0]);
            let mut date = offset.to_datetime(pair[0]).date();
            let end = offset.to_datetime(pair[1]).date();
            while date <= end {
                for hours in self.hours_on(date) {
                    let begins = instant(offset, hours.start).max(pair[0]);
                    let ends = instant(offset, hours.end).min(pair[1]);
                    if begins < ends {
                        open.push((date, begins..ends));
                    }
                }
                match date.tomorrow() {
                    Ok(tomorrow) => date = tomorrow,
                    Err(_) => break,
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

    fn hours_on(&self, date: Date) -> Vec<Range<DateTime>> {
        let until = |to: Time| {
            let end = if to == Time::midnight() {
                date.checked_add(Span::new().days(1)).unwrap_or(Date::MAX)
            } else {
                date
            };
            end.to_datetime(to)
        };
        let exceptions: Vec<_> = self.exceptions.iter().filter(|e| e.date == date).collect();
        if exceptions.is_empty() {
            let weekday = Weekday::from(date);
            let weekly = self.weekly.iter().filter(|w| w.weekday == weekday);
            return weekly
                .map(|hours| date.to_datetime(hours.from)..until(hours.to))
                .collect();
        }
        let hours = exceptions.iter().filter_map(|e| e.from.zip(e.to));
        hours
            .map(|(from, to)| date.to_datetime(from)..until(to))
            .collect()
    }
}

fn instant(offset: Offset, local: DateTime) -> Timestamp {
    offset.to_timestamp(local).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
