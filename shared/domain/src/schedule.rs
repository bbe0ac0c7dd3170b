//! The working hours of a provider and the free slots in them.
//!
//! A moment is open if the local time in the schedule's time zone is within the hours of that date. So
//! an hour that is repeated at the end of daylight saving time is open twice, and an hour that is
//! skipped at its beginning is never open.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};
use schemars::JsonSchema;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use super::text::ZoneName;

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

/// Hours that recur every week, in the time zone of the schedule.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// The day of the week on which the hours apply.
    pub weekday: Weekday,
    /// The local time at which the hours begin, in whole minutes, for example `09:00:00`.
    #[serde(deserialize_with = "whole_minute")]
    pub from: Time,
    /// The local time at which the hours end, in whole minutes. `00:00:00` means midnight at the
    /// end of the day.
    #[serde(deserialize_with = "whole_minute")]
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
    #[serde(
        default,
        deserialize_with = "optional_whole_minute",
        skip_serializing_if = "Option::is_none"
    )]
    pub from: Option<Time>,
    /// The local time at which the hours end, in whole minutes. `00:00:00` means midnight at the
    /// end of the day.
    #[serde(
        default,
        deserialize_with = "optional_whole_minute",
        skip_serializing_if = "Option::is_none"
    )]
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

fn is_whole_minute(time: Time) -> bool {
    time.second() == 0 && time.subsec_nanosecond() == 0
}

fn whole_minute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let time = Time::deserialize(deserializer)?;
    if !is_whole_minute(time) {
        return Err(D::Error::invalid_value(
            Unexpected::Other("time"),
            &"a time in whole minutes",
        ));
    }
    Ok(time)
}

fn optional_whole_minute<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Time>, D::Error> {
    let time = Option::<Time>::deserialize(deserializer)?;
    if time.is_some_and(|time| !is_whole_minute(time)) {
        return Err(D::Error::invalid_value(
            Unexpected::Other("time"),
            &"a time in whole minutes",
        ));
    }
    Ok(time)
}

fn ends_after(from: Time, to: Time) -> bool {
    from < to || to == Time::midnight()
}

fn weekly<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WeeklyHours>, D::Error> {
    let hours = Vec::<WeeklyHours>::deserialize(deserializer)?;
    if hours.len() > 100 || !hours.iter().all(|h| ends_after(h.from, h.to)) {
        return Err(D::Error::invalid_value(
            Unexpected::Other("hours"),
            &"at most 100 entries, each with `to` after `from`",
        ));
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
        return Err(D::Error::invalid_value(
            Unexpected::Other("hours"),
            &"at most 1000 entries, each with neither `from` nor `to`, or with `to` after `from`",
        ));
    }
    Ok(hours)
}

fn lead_minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let minutes = Option::<u32>::deserialize(deserializer)?;
    if minutes.is_some_and(|minutes| minutes > 525_600) {
        return Err(D::Error::invalid_value(
            Unexpected::Other("minutes"),
            &"at most 525600 minutes, which is a year",
        ));
    }
    Ok(minutes)
}

/// The slots that a caller asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The range that must contain the whole slot.
    pub within: Range<Timestamp>,
    /// The length of each slot.
    pub length: SignedDuration,
    /// The earliest beginning of a slot that can still be booked.
    pub earliest: Timestamp,
}

impl Schedule {
    /// The minimum time between the booking and the beginning of an appointment.
    pub fn lead(&self) -> SignedDuration {
        SignedDuration::from_mins(self.lead_minutes.unwrap_or(60).into())
    }

    /// The free slots in order. The hours of each date are divided into slots from their beginning, and
    /// slots that overlap a taken range are left out.
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

    /// The hours of the dates around `within`, in order. Hours of one date that touch or overlap are
    /// merged.
    fn open_hours(&self, zone: &TimeZone, within: &Range<Timestamp>) -> Vec<Range<Timestamp>> {
        // With two more days on each side, every date that the range touches is covered completely.
        let margin = SignedDuration::from_hours(48);
        let first = within.start.checked_sub(margin).unwrap_or(Timestamp::MIN);
        let last = within.end.checked_add(margin).unwrap_or(Timestamp::MAX);

        // Between two changes of the clock, the local time is the instant plus a constant offset.
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
