//! The working hours of a provider and the free slots in them.
//!
//! A moment is open if the local time in the schedule's time zone is within the hours of that date. So
//! an hour that is repeated at the end of daylight saving time is open twice, and an hour that is
//! skipped at its beginning is never open.

use std::ops::Range;

use chrono::{DateTime, Datelike as _, Days, FixedOffset, NaiveDate, NaiveDateTime};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::text::ZoneName;
use super::zone::Zone;
use crate::expected::expected;
use crate::time::{Date, Time, TimeDelta, Timestamp};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Weekday {
    /// The hours apply on Mondays.
    Mon,
    /// The hours apply on Tuesdays.
    Tue,
    /// The hours apply on Wednesdays.
    Wed,
    /// The hours apply on Thursdays.
    Thu,
    /// The hours apply on Fridays.
    Fri,
    /// The hours apply on Saturdays.
    Sat,
    /// The hours apply on Sundays.
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

/// Hours that recur every week, in the time zone of the schedule.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// The day of the week on which the hours apply.
    pub weekday: Weekday,
    /// The local time at which the hours begin, in whole minutes, for example `09:00:00`.
    pub from: Time,
    /// The local time at which the hours end, in whole minutes. `00:00:00` means midnight at the
    /// end of the day.
    pub to: Time,
}

/// The hours of one date, which replace its weekly hours. Without `from` and `to` there are no
/// hours on that date.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionalHours {
    /// The date on which the hours apply, for example `2026-12-24`.
    pub date: Date,
    /// The local time at which the hours begin, in whole minutes. Give it together with `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// The local time at which the hours end, in whole minutes. `00:00:00` means midnight at the
    /// end of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
}

/// The hours in which appointments with a provider can be booked.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The IANA time zone of all times in the schedule, for example `America/New_York`.
    pub time_zone: ZoneName,
    /// The hours of a regular week, at most 100 entries. A weekday can have several entries.
    #[serde(deserialize_with = "weekly")]
    pub weekly: Vec<WeeklyHours>,
    /// The hours of single dates, which replace the weekly hours of those dates. At most 1000
    /// entries.
    #[serde(
        default,
        deserialize_with = "exceptions",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exceptions: Vec<ExceptionalHours>,
    /// The minimum time in minutes between the booking and the beginning of an appointment, for
    /// bookings by patients and by other providers. It is 60 if it is absent.
    #[serde(
        default,
        deserialize_with = "lead_minutes",
        skip_serializing_if = "Option::is_none"
    )]
    pub lead_minutes: Option<u32>,
}

fn ends_after(from: Time, to: Time) -> bool {
    from < to || to == Time::MIDNIGHT
}

fn weekly<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WeeklyHours>, D::Error> {
    let hours = Vec::<WeeklyHours>::deserialize(deserializer)?;
    if hours.len() > 100 || !hours.iter().all(|h| ends_after(h.from, h.to)) {
        return Err(expected("at most 100 entries, each with `to` after `from`"));
    }
    Ok(hours)
}

fn exceptions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ExceptionalHours>, D::Error> {
    let hours = Vec::<ExceptionalHours>::deserialize(deserializer)?;
    let ordered = hours.iter().all(|h| match (h.from, h.to) {
        (Some(from), Some(to)) => ends_after(from, to),
        (from, to) => from.is_none() && to.is_none(),
    });
    if hours.len() > 1000 || !ordered {
        return Err(expected(
            "at most 1000 entries, each with neither `from` nor `to`, or with `to` after `from`",
        ));
    }
    Ok(hours)
}

fn lead_minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let minutes = Option::<u32>::deserialize(deserializer)?;
    if minutes.is_some_and(|minutes| minutes > 525_600) {
        return Err(expected("at most 525600 minutes, which is a year"));
    }
    Ok(minutes)
}

/// The slots that a caller asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The range that must contain the whole slot.
    pub within: Range<Timestamp>,
    /// The length of each slot.
    pub length: TimeDelta,
    /// The earliest beginning of a slot that can still be booked.
    pub earliest: Timestamp,
}

impl Schedule {
    /// The minimum time between the booking and the beginning of an appointment.
    pub fn lead(&self) -> TimeDelta {
        TimeDelta::minutes(self.lead_minutes.unwrap_or(60).into())
    }

    /// The free slots in order. The hours of each date are divided into slots from their beginning, and
    /// slots that overlap a taken range are left out.
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

    /// The hours of the dates around `within`, in order. Hours of one date that touch or overlap are
    /// merged.
    fn open_hours(&self, zone: &Zone, within: &Range<Timestamp>) -> Vec<Range<Timestamp>> {
        // With two more days on each side, every date that the range touches is covered completely.
        let margin = TimeDelta::hours(48);
        let (first, last) = (within.start - margin, within.end + margin);

        // Between two changes of the clock, the local time is the instant plus a constant offset.
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
