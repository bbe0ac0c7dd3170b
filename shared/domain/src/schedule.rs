//! The working hours of a provider and the free slots in them.
//!
//! A moment is open if the local time in the schedule's time zone is within the hours of that date, or
//! within hours of the date before that end after midnight. So an hour that is repeated at the end of
//! daylight saving time is open twice, and an hour that is skipped at its beginning is never open.
//!
//! `within_hours` in `migrations/V0009__booking.sql` states the same rule for bookings. A property test
//! compares both with one model.

use std::ops::Range;

use chrono::{DateTime, Datelike as _, Days, FixedOffset, NaiveDate, NaiveDateTime};
use chrono::{NaiveTime, Timelike as _};
use parsing::expected;
use schemars::JsonSchema;
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::number::Whole;
use super::text::ZoneName;
use super::zone::Zone;
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

/// The time of day at which hours end.
///
/// `24:00` is read as `00:00`, because both are midnight at the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct End(Time);

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if matches!(text.as_str(), "24:00" | "24:00:00") {
            return Ok(Self(Time::MIDNIGHT));
        }
        Time::deserialize(text.into_deserializer()).map(Self)
    }
}

/// Hours that recur every week, in the time zone of the schedule. They belong to the day on which they
/// begin.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// The day of the week on which the hours begin.
    pub weekday: Weekday,
    /// The local time at which the hours begin, in whole minutes, for example `09:00:00`.
    pub from: Time,
    /// The local time at which the hours end, in whole minutes. If it is earlier than `from`, the hours
    /// end on the next day. `24:00` and `00:00:00` both mean midnight at the end of the day.
    pub to: End,
}

/// The hours of one date, which replace its weekly hours. Without `from` and `to` there are no
/// hours on that date. On such a date, weekly hours of the day before end at midnight.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionalHours {
    /// The date on which the hours begin, for example `2026-12-24`.
    pub date: Date,
    /// The local time at which the hours begin, in whole minutes. Give it together with `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// The local time at which the hours end, in whole minutes. If it is earlier than `from`, the hours
    /// end on the next day. `24:00` and `00:00:00` both mean midnight at the end of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<End>,
}

/// The hours in which appointments with a provider can be booked.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The IANA time zone of all times in the schedule, for example `America/New_York`.
    pub time_zone: ZoneName,
    /// The hours of a regular week, at most 100 entries. A weekday can have several entries. Entries can
    /// adjoin each other but not overlap.
    #[serde(deserialize_with = "weekly")]
    pub weekly: Vec<WeeklyHours>,
    /// The hours of single dates, which replace the weekly hours of those dates. At most 1000
    /// entries. Entries can adjoin each other but not overlap.
    #[serde(
        default,
        deserialize_with = "exceptions",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exceptions: Vec<ExceptionalHours>,
    /// The minimum time in minutes between the booking and the beginning of an appointment, for
    /// bookings by patients and by other providers. It is 60 if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_minutes: Option<Whole<0, 525_600>>,
    /// The maximum time in days of 24 hours between the booking and the beginning of an appointment, 1 to
    /// 3650. It is 548, which is 18 months, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_days: Option<Whole<1, 3650>>,
    /// The maximum length of an appointment in minutes, 5 to 1440. It is 480 if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_minutes: Option<Whole<5, 1440>>,
    /// The time in minutes from the beginning of one listed slot to the beginning of the next, 5 to 1440.
    /// It is counted from the beginning of each entry of hours. If it is absent, it is the length of the
    /// slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_minutes: Option<Whole<5, 1440>>,
}

/// Hours as local times. They end on the next day if `to` is not after `from`.
fn local_hours(date: NaiveDate, from: Time, End(to): End) -> Range<NaiveDateTime> {
    let end = if to <= from {
        date + Days::new(1)
    } else {
        date
    };
    date.and_time(from.into())..end.and_time(to.into())
}

/// Refuses hours of 24 hours from another time than midnight: they are more likely a mistake.
fn check_ends<E: serde::de::Error>(mut hours: impl Iterator<Item = (Time, End)>) -> Result<(), E> {
    if hours.any(|(from, End(to))| from == to && from != Time::MIDNIGHT) {
        return Err(expected(
            "each entry with `to` other than `from`",
            json!([]),
        ));
    }
    Ok(())
}

/// Sorts ranges and says whether any two of them overlap.
fn overlap<T: Ord + Copy>(ranges: &mut [Range<T>]) -> bool {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.windows(2).any(|pair| pair[1].start < pair[0].end)
}

fn weekly<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WeeklyHours>, D::Error> {
    const DAY: u32 = 24 * 60;
    let hours = Vec::<WeeklyHours>::deserialize(deserializer)?;
    if hours.len() > 100 {
        return Err(expected("at most 100 entries", json!([])));
    }
    check_ends(hours.iter().map(|h| (h.from, h.to)))?;
    let minute = |time: Time| NaiveTime::from(time).num_seconds_from_midnight() / 60;
    let mut week: Vec<_> = hours
        .iter()
        .map(|WeeklyHours { weekday, from, to }| {
            let midnight = *weekday as u32 * DAY;
            let end = minute(to.0) + if to.0 <= *from { DAY } else { 0 };
            midnight + minute(*from)..midnight + end
        })
        .collect();
    // The end of the week adjoins its beginning.
    let first = week.iter().min_by_key(|hours| hours.start).cloned();
    week.extend(first.map(|first| first.start + 7 * DAY..first.end + 7 * DAY));
    if overlap(&mut week) {
        return Err(expected(
            "entries that do not overlap, also not with hours of the day before that end after midnight",
            json!([]),
        ));
    }
    Ok(hours)
}

fn exceptions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ExceptionalHours>, D::Error> {
    let hours = Vec::<ExceptionalHours>::deserialize(deserializer)?;
    if hours.len() > 1000 {
        return Err(expected("at most 1000 entries", json!([])));
    }
    if hours.iter().any(|h| h.from.is_some() != h.to.is_some()) {
        return Err(expected(
            "each entry with both `from` and `to`, or with neither",
            json!([]),
        ));
    }
    check_ends(hours.iter().filter_map(|h| h.from.zip(h.to)))?;
    let mut dates: Vec<_> = hours
        .iter()
        .map(|h| {
            // An entry without hours takes the whole date.
            let (from, to) = h
                .from
                .zip(h.to)
                .unwrap_or((Time::MIDNIGHT, End(Time::MIDNIGHT)));
            local_hours(h.date.into(), from, to)
        })
        .collect();
    if overlap(&mut dates) {
        return Err(expected(
            "entries that do not overlap, also not with a date without hours",
            json!([]),
        ));
    }
    Ok(hours)
}

/// The slots that a caller asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The range that must contain the whole slot.
    pub within: Range<Timestamp>,
    /// The length of each slot.
    pub length: TimeDelta,
    /// The time from which the minimum notice and the booking horizon are counted.
    pub now: Timestamp,
}

impl Schedule {
    /// The minimum time between the booking and the beginning of an appointment.
    pub fn lead(&self) -> TimeDelta {
        TimeDelta::minutes(self.lead_minutes.map_or(60, Whole::get).into())
    }

    /// The maximum time between the booking and the beginning of an appointment.
    pub fn horizon(&self) -> TimeDelta {
        TimeDelta::days(self.horizon_days.map_or(548, Whole::get).into())
    }

    /// The maximum length of an appointment.
    pub fn longest(&self) -> TimeDelta {
        TimeDelta::minutes(self.max_minutes.map_or(480, Whole::get).into())
    }

    /// The free slots in order. In each entry of hours they begin at its beginning and after each step.
    /// A slot can reach into adjoining hours. Slots that overlap a taken range are left out.
    pub fn free_slots(
        &self,
        zone: &Zone,
        taken: &[Range<Timestamp>],
        wanted: &Wanted,
    ) -> Vec<Range<Timestamp>> {
        let length = wanted.length;
        if length > self.longest() {
            return Vec::new();
        }
        let step = self
            .step_minutes
            .map_or(length, |minutes| TimeDelta::minutes(minutes.get().into()));
        let earliest = wanted.within.start.max(wanted.now + self.lead());
        let latest = (wanted.within.end - length).min(wanted.now + self.horizon());
        let runs = self.runs(zone, &wanted.within);

        // Hours that adjoin or overlap are open without a break.
        let mut open = runs.clone();
        open.dedup_by(|next, former| {
            let adjoins = next.start <= former.end;
            if adjoins {
                former.end = former.end.max(next.end);
            }
            adjoins
        });
        let is_open = |slot: &Range<Timestamp>| {
            let after = open.partition_point(|hours| hours.start <= slot.start);
            after > 0 && slot.end <= open[after - 1].end
        };

        let mut slots = Vec::new();
        for run in runs {
            let mut begins = run.start;
            while begins < run.end {
                let slot = begins..begins + length;
                if (earliest..=latest).contains(&begins)
                    && is_open(&slot)
                    && !taken
                        .iter()
                        .any(|t| slot.start < t.end && t.start < slot.end)
                {
                    slots.push(slot);
                }
                begins += step;
            }
        }
        // Exceptions can overlap weekly hours of another date, and then both begin the same slot.
        slots.sort_unstable_by_key(|slot| slot.start);
        slots.dedup();
        slots
    }

    /// The runs of each entry's hours without a break around `within`, in order of their beginnings.
    fn runs(&self, zone: &Zone, within: &Range<Timestamp>) -> Vec<Range<Timestamp>> {
        // With two more days on each side, every entry that the range touches is covered completely.
        let margin = TimeDelta::hours(48);
        let (first, last) = (within.start - margin, within.end + margin);

        // Between two changes of the clock, the local time is the instant plus a constant offset.
        let bounds: Vec<_> = std::iter::once(first)
            .chain(zone.changes(&(first..last)))
            .chain([last])
            .collect();
        let mut runs: Vec<(NaiveDateTime, Range<Timestamp>)> = Vec::new();
        for pair in bounds.windows(2) {
            let offset = zone.offset(pair[0]);
            let date = |at| DateTime::from(at).with_timezone(&offset).date_naive();
            // Hours of the day before can end after midnight.
            let (begin, end) = (date(pair[0]) - Days::new(1), date(pair[1]));
            for date in begin.iter_days().take_while(|date| *date <= end) {
                for hours in self.hours_on(date) {
                    let begins = instant(offset, hours.start).max(pair[0]);
                    let ends = instant(offset, hours.end).min(pair[1]);
                    if begins < ends {
                        runs.push((hours.start, begins..ends));
                    }
                }
            }
        }
        // A change of the clock divides hours in two pieces. They are one run if they adjoin.
        runs.sort_by_key(|(entry, piece)| (*entry, piece.start));
        runs.dedup_by(|(entry, next), (of, former)| {
            let adjoins = entry == of && next.start <= former.end;
            if adjoins {
                former.end = former.end.max(next.end);
            }
            adjoins
        });
        let mut runs: Vec<_> = runs.into_iter().map(|(_, run)| run).collect();
        runs.sort_by_key(|run| run.start);
        runs
    }

    /// The hours that begin on the date, as local times.
    fn hours_on(&self, date: NaiveDate) -> Vec<Range<NaiveDateTime>> {
        let exceptions = |date| {
            self.exceptions
                .iter()
                .filter(move |e| NaiveDate::from(e.date) == date)
        };
        if exceptions(date).next().is_some() {
            return exceptions(date)
                .filter_map(|e| e.from.zip(e.to))
                .map(|(from, to)| local_hours(date, from, to))
                .collect();
        }
        let tomorrow = date + Days::new(1);
        let is_cut = exceptions(tomorrow).next().is_some();
        let weekday = Weekday::from(date);
        let weekly = self.weekly.iter().filter(|w| w.weekday == weekday);
        weekly
            .map(|weekly| {
                let hours = local_hours(date, weekly.from, weekly.to);
                match is_cut {
                    true => hours.start..hours.end.min(tomorrow.and_time(NaiveTime::MIN)),
                    false => hours,
                }
            })
            .collect()
    }
}

fn instant(offset: FixedOffset, local: NaiveDateTime) -> Timestamp {
    (local - offset).and_utc().into()
}

#[cfg(test)]
mod tests;
