//! Examples of schedules and their free slots. `tests/scenarios/providers/opening_hours.rs` compares the free
//! slots with a model that looks at every minute.

use serde_json::{Value, json};

use super::*;

fn schedule(value: Value) -> Schedule {
    serde_json::from_value(value).unwrap()
}

fn starts(zone: &str, weekly: Value, from: &str, to: &str) -> Vec<String> {
    let hours = json!({"time_zone": zone, "weekly": weekly, "horizon_days": 3650});
    slots(hours, from, to, 60, &[])
}

/// The beginnings of the free slots. The booking is made at the beginning of the period, with no notice.
fn slots(mut hours: Value, from: &str, to: &str, minutes: i64, taken: &[[&str; 2]]) -> Vec<String> {
    hours["lead_minutes"] = json!(0);
    let schedule = schedule(hours);
    let tz = schedule.time_zone.time_zone().unwrap();
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let wanted = Wanted {
        within: at(from)..at(to),
        length: TimeDelta::minutes(minutes),
        now: at(from),
    };
    let taken: Vec<_> = taken.iter().map(|[from, to]| at(from)..at(to)).collect();
    let slots = schedule.free_slots(&tz, &taken, &wanted);
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
fn slots_cross_midnight_in_hours_that_adjoin_or_end_on_the_next_day() {
    let one = json!([{"weekday": "MON", "from": "22:30", "to": "01:00"}]);
    let two = json!([
        {"weekday": "MON", "from": "22:30", "to": "24:00"},
        {"weekday": "TUE", "from": "00:00", "to": "01:00"}
    ]);
    let (from, to) = ("2030-01-07T00:00:00Z", "2030-01-09T00:00:00Z");
    assert_eq!(
        starts("UTC", one, from, to),
        ["2030-01-07T22:30:00Z", "2030-01-07T23:30:00Z"]
    );
    // Slots are also counted from the beginning of the second entry.
    assert_eq!(
        starts("UTC", two, from, to),
        [
            "2030-01-07T22:30:00Z",
            "2030-01-07T23:30:00Z",
            "2030-01-08T00:00:00Z"
        ]
    );
}

#[test]
fn a_step_offers_the_time_after_a_visit_of_odd_length() {
    let hours = |step: Value| {
        json!({
            "time_zone": "UTC", "step_minutes": step,
            "weekly": [{"weekday": "MON", "from": "09:00", "to": "10:40"}]
        })
    };
    let taken = [["2030-01-07T09:00:00Z", "2030-01-07T09:40:00Z"]];
    let (from, to) = ("2030-01-07T00:00:00Z", "2030-01-08T00:00:00Z");
    assert_eq!(
        slots(hours(json!(10)), from, to, 60, &taken),
        ["2030-01-07T09:40:00Z"]
    );
    assert!(slots(hours(Value::Null), from, to, 60, &taken).is_empty());
}

#[test]
fn no_slot_is_longer_than_the_maximum_or_beyond_the_horizon() {
    let hours = |more: Value| {
        let mut hours = json!({
            "time_zone": "UTC", "weekly": [{"weekday": "MON", "from": "00:00", "to": "24:00"}]
        });
        hours
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        hours
    };
    let count = |more: Value, from: &str, to: &str, minutes: i64| {
        slots(hours(more), from, to, minutes, &[]).len()
    };
    let monday = ("2030-01-07T00:00:00Z", "2030-01-08T00:00:00Z");
    assert_eq!(count(json!({}), monday.0, monday.1, 480), 3);
    assert_eq!(count(json!({}), monday.0, monday.1, 481), 0);
    assert_eq!(
        count(json!({"max_minutes": 1440}), monday.0, monday.1, 1440),
        1
    );
    // The slot that begins exactly on the horizon can be booked.
    let (sunday, after) = ("2030-01-06T12:00:00Z", "2030-01-08T00:00:00Z");
    assert_eq!(count(json!({"horizon_days": 1}), sunday, after, 60), 13);
    // The default is 548 days, which is 78 weeks and 2 days. So the last slot begins on a Monday at midnight.
    let (saturday, last) = ("2030-01-05T00:00:00Z", "2032-01-01T00:00:00Z");
    assert_eq!(count(json!({}), saturday, last, 480), 3 * 78 + 1);
}

#[test]
fn weekly_hours_of_the_day_before_end_where_a_date_with_exceptions_begins() {
    let hours = |exceptions: Value| {
        json!({
            "time_zone": "UTC", "exceptions": exceptions,
            "weekly": [{"weekday": "MON", "from": "22:00", "to": "02:00"}]
        })
    };
    let count = |exceptions: Value| {
        slots(
            hours(exceptions),
            "2030-01-07T00:00:00Z",
            "2030-01-09T00:00:00Z",
            60,
            &[],
        )
        .len()
    };
    assert_eq!(count(json!([])), 4);
    assert_eq!(count(json!([{"date": "2030-01-08"}])), 2);
    // The exception replaces the night that begins on its date, and lasts as long as it says.
    assert_eq!(count(json!([{"date": "2030-01-07"}])), 0);
    assert_eq!(
        count(json!([{"date": "2030-01-07", "from": "23:00", "to": "05:00"}])),
        6
    );
}

#[test]
fn midnight_at_the_end_of_a_day_has_two_forms_and_one_meaning() {
    let weekly = |to: &str| json!({"weekday": "MON", "from": "00:00", "to": to});
    let read = |to: &str| serde_json::from_value::<WeeklyHours>(weekly(to));
    assert_eq!(read("24:00").unwrap(), read("00:00").unwrap());
    assert_eq!(read("24:00:00").unwrap(), read("00:00").unwrap());
    assert_eq!(
        serde_json::to_value(read("24:00").unwrap()).unwrap()["to"],
        "00:00:00"
    );
    for to in ["24:01", "24:00:01", "25:00", "24"] {
        assert!(read(to).is_err(), "{to}");
    }
    let begins = json!({"weekday": "MON", "from": "24:00", "to": "06:00"});
    assert!(serde_json::from_value::<WeeklyHours>(begins).is_err());
}

#[test]
fn entries_that_overlap_or_have_no_length_are_refused() {
    let is_read = |weekly: Value, exceptions: Value| {
        let hours = json!({"time_zone": "UTC", "weekly": weekly, "exceptions": exceptions});
        serde_json::from_value::<Schedule>(hours).is_ok()
    };
    for (day, from, to, other, begin, end, is_ok) in [
        ("MON", "09:00", "12:00", "MON", "12:00", "13:00", true),
        ("MON", "09:00", "12:00", "MON", "11:59", "13:00", false),
        ("MON", "09:00", "12:00", "TUE", "11:59", "13:00", true),
        ("MON", "22:00", "06:00", "TUE", "06:00", "08:00", true),
        ("MON", "22:00", "06:00", "TUE", "05:59", "08:00", false),
        ("SUN", "22:00", "06:00", "MON", "05:59", "08:00", false),
        ("SUN", "22:00", "06:00", "MON", "06:00", "08:00", true),
        ("MON", "00:00", "24:00", "MON", "08:00", "09:00", false),
    ] {
        let weekly = json!([
            {"weekday": day, "from": from, "to": to},
            {"weekday": other, "from": begin, "to": end}
        ]);
        assert_eq!(
            is_read(weekly, json!([])),
            is_ok,
            "{day} {from} {other} {begin}"
        );
        let date = |day: &str| match day {
            "SUN" => "2030-01-06",
            "MON" => "2030-01-07",
            _ => "2030-01-08",
        };
        let exceptions = json!([
            {"date": date(day), "from": from, "to": to},
            {"date": date(other), "from": begin, "to": end}
        ]);
        assert_eq!(
            is_read(json!([]), exceptions),
            is_ok,
            "{day} {from} {other} {begin}"
        );
    }
    for exceptions in [
        json!([{"date": "2030-01-07", "from": "09:00"}]),
        json!([{"date": "2030-01-07", "from": "10:00", "to": "10:00"}]),
        json!([{"date": "2030-01-07"}, {"date": "2030-01-07"}]),
        json!([{"date": "2030-01-07"}, {"date": "2030-01-07", "from": "09:00", "to": "10:00"}]),
        json!([{"date": "2030-01-06", "from": "22:00", "to": "06:00"}, {"date": "2030-01-07"}]),
    ] {
        assert!(!is_read(json!([]), exceptions.clone()), "{exceptions}");
    }
    assert!(!is_read(
        json!([{"weekday": "MON", "from": "10:00", "to": "10:00"}]),
        json!([])
    ));
    assert!(!is_read(
        json!([{"weekday": "MON", "from": "10:00:30", "to": "11:00"}]),
        json!([])
    ));
}
