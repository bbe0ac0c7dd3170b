//! Compares the free slots with those of a simple implementation that looks at every minute.

use chrono::NaiveTime;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Time zones with every kind of clock change: by half an hour, at midnight, with a skipped day, with no
/// change at all, and with irregular changes.
const ZONES: [&str; 20] = [
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Asuncion",
    "America/Santiago",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Beirut",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
];

const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

fn schedule(value: Value) -> Schedule {
    serde_json::from_value(value).unwrap()
}

/// Finds the same slots as [`Schedule::free_slots`], one minute at a time.
fn naive(
    schedule: &Schedule,
    zone: &Zone,
    taken: &[Range<Timestamp>],
    wanted: &Wanted,
) -> Vec<Range<Timestamp>> {
    let minute = TimeDelta::minutes(1);
    let margin = TimeDelta::hours(48);
    let is_open = |local: NaiveDateTime| {
        let within = |from: Time, to: Time| {
            let (from, to) = (NaiveTime::from(from), NaiveTime::from(to));
            local.time() >= from && (local.time() < to || to == NaiveTime::MIN)
        };
        let of_date: Vec<_> = schedule
            .exceptions
            .iter()
            .filter(|e| NaiveDate::from(e.date) == local.date())
            .collect();
        if of_date.is_empty() {
            schedule
                .weekly
                .iter()
                .any(|w| w.weekday == Weekday::from(local.date()) && within(w.from, w.to))
        } else {
            of_date
                .iter()
                .any(|e| e.from.zip(e.to).is_some_and(|(from, to)| within(from, to)))
        }
    };
    // Runs of open minutes of one date.
    let mut runs: Vec<(NaiveDate, Range<Timestamp>)> = Vec::new();
    let mut now = wanted.within.start - margin;
    while now < wanted.within.end + margin {
        let local = zone.local(now);
        if is_open(local) {
            match runs.last_mut() {
                Some((date, run)) if *date == local.date() && run.end == now => {
                    run.end = now + minute;
                }
                _ => runs.push((local.date(), now..now + minute)),
            }
        }
        now += minute;
    }
    let mut slots = Vec::new();
    for (_, run) in runs {
        let mut begins = run.start;
        while begins + wanted.length <= run.end {
            let slot = begins..begins + wanted.length;
            let free = taken
                .iter()
                .all(|t| t.end <= slot.start || slot.end <= t.start);
            if free
                && slot.start >= wanted.within.start
                && slot.start >= wanted.earliest
                && slot.end <= wanted.within.end
            {
                slots.push(slot);
            }
            begins += wanted.length;
        }
    }
    slots
}

fn time() -> impl Strategy<Value = (i8, i8)> {
    (
        0..24_i8,
        prop::sample::select(vec![0_i8, 1, 15, 30, 45, 59]),
    )
}

/// `from` and `to` of hours that end after they begin.
fn hours() -> impl Strategy<Value = (String, String)> {
    (time(), time()).prop_map(|(a, b)| {
        let text = |(hour, minute): (i8, i8)| format!("{hour:02}:{minute:02}");
        let (from, to) = (a.min(b), a.max(b));
        let to = if from == to { (0, 0) } else { to };
        (text(from), text(to))
    })
}

/// A moment near a change of the clock where the zone has one, by which most mistakes show.
fn near_a_change(zone: &Zone, around: Timestamp, hours_before: i64) -> Timestamp {
    let changes = zone.changes(&(around..around + TimeDelta::hours(24 * 400)));
    let change = changes.first().copied();
    change.unwrap_or(around) - TimeDelta::hours(hours_before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn free_slots_equal_those_of_the_simple_implementation(
        zone in prop::sample::select(ZONES.to_vec()),
        // The years 2000 to 2045.
        seconds in 946_684_800_i64..2_366_841_600,
        hours_before in 0_i64..72,
        weekly in vec((0_usize..7, hours()), 1..12),
        exceptions in vec((-2_i32..6, prop::option::of(hours())), 0..4),
        length in prop::sample::select(vec![1_i64, 7, 15, 30, 45, 60, 90, 240, 1440]),
        range in 1_i64..120,
        lead in -24_i64..24,
        taken in vec((0_i64..7200, 1_i64..300), 0..6),
    ) {
        let tz = Zone::named(zone).unwrap();
        let around = Timestamp::from(DateTime::from_timestamp(seconds - seconds.rem_euclid(60), 0).unwrap());
        let start = near_a_change(&tz, around, hours_before);
        let date = tz.local(start).date();
        let schedule = schedule(json!({
            "time_zone": zone,
            "weekly": weekly.iter().map(|(day, (from, to))| json!({
                "weekday": DAYS[*day], "from": from, "to": to
            })).collect::<Vec<_>>(),
            "exceptions": exceptions.iter().map(|(day, hours)| {
                let date = (date + TimeDelta::days((*day).into())).to_string();
                match hours {
                    Some((from, to)) => json!({"date": date, "from": from, "to": to}),
                    None => json!({"date": date}),
                }
            }).collect::<Vec<_>>(),
        }));
        let wanted = Wanted {
            within: start..start + TimeDelta::hours(range),
            length: TimeDelta::minutes(length),
            earliest: start + TimeDelta::hours(lead),
        };
        let taken: Vec<_> = taken.iter().map(|(from, minutes)| {
            let begins = start + TimeDelta::minutes(*from);
            begins..begins + TimeDelta::minutes(*minutes)
        }).collect();
        prop_assert_eq!(
            schedule.free_slots(&tz, &taken, &wanted),
            naive(&schedule, &tz, &taken, &wanted)
        );
    }
}

fn starts(zone: &str, weekly: Value, from: &str, to: &str) -> Vec<String> {
    let schedule = schedule(json!({"time_zone": zone, "weekly": weekly}));
    let tz = schedule.time_zone.time_zone().unwrap();
    let within: Range<Timestamp> = from.parse().unwrap()..to.parse().unwrap();
    let wanted = Wanted {
        earliest: within.start,
        within,
        length: TimeDelta::minutes(60),
    };
    let slots = schedule.free_slots(&tz, &[], &wanted);
    slots.iter().map(|slot| slot.start.to_string()).collect()
}

#[test]
fn an_hour_that_is_repeated_is_open_twice() {
    let hours = json!([{"weekday": "SUN", "from": "01:00", "to": "03:00"}]);
    assert_eq!(
        starts(
            "Europe/Berlin",
            hours,
            "2030-10-26T12:00:00Z",
            "2030-10-27T12:00:00Z"
        ),
        [
            "2030-10-26T23:00:00Z",
            "2030-10-27T00:00:00Z",
            "2030-10-27T01:00:00Z"
        ]
    );
}

#[test]
fn an_hour_that_is_skipped_is_never_open() {
    let hours = json!([{"weekday": "SUN", "from": "02:00", "to": "04:00"}]);
    assert_eq!(
        starts(
            "Europe/Berlin",
            hours,
            "2030-03-30T12:00:00Z",
            "2030-03-31T12:00:00Z"
        ),
        ["2030-03-31T01:00:00Z"]
    );
}

#[test]
fn hours_that_end_before_they_begin_or_within_a_minute_are_refused() {
    for (from, to) in [
        ("10:00", "09:00"),
        ("10:00", "10:00"),
        ("10:00:30", "11:00"),
    ] {
        let hours =
            json!({"time_zone": "UTC", "weekly": [{"weekday": "MON", "from": from, "to": to}]});
        assert!(serde_json::from_value::<Schedule>(hours).is_err(), "{from}");
        let exception = json!({
            "time_zone": "UTC", "weekly": [], "exceptions": [{"date": "2030-01-07", "from": from, "to": to}]
        });
        assert!(
            serde_json::from_value::<Schedule>(exception).is_err(),
            "{from}"
        );
    }
    let half = json!({"time_zone": "UTC", "weekly": [], "exceptions": [{"date": "2030-01-07", "from": "09:00"}]});
    assert!(serde_json::from_value::<Schedule>(half).is_err());
}
