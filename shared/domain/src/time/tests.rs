//! What is taken for a time or a date, what is refused, and what is written.

use proptest::prelude::*;
use serde_json::{from_value, json};

use super::*;

/// Microseconds from the first moment of year 0 to the last of year 9999, UTC.
fn microsecond() -> impl Strategy<Value = i64> {
    -62_167_219_200_000_000..253_402_300_800_000_000_i64
}

fn at(microsecond: i64) -> Timestamp {
    Timestamp(DateTime::from_timestamp_micros(microsecond).unwrap())
}

/// An offset as minutes and as text.
fn offset() -> impl Strategy<Value = (i64, String)> {
    let zulu = prop_oneof![Just("Z"), Just("z"), Just("-00:00")];
    let numeric = (-1439_i64..=1439).prop_map(|minutes| {
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        (minutes, format!("{sign}{hours:02}:{rest:02}"))
    });
    prop_oneof![
        1 => zulu.prop_map(|text| (0, text.to_owned())),
        3 => numeric
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(microsecond in microsecond()) {
        let time = at(microsecond);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(time.with_microseconds().parse(), Ok(time));
        prop_assert_eq!(from_value::<Timestamp>(json!(time)).unwrap(), time);
        let date = Date(time.0.date_naive());
        prop_assert_eq!(from_value::<Date>(json!(date)).unwrap(), date);
    }

    #[test]
    fn every_form_of_rfc_3339_is_read_to_the_nearest_microsecond(
        microsecond in microsecond(),
        (minutes, offset) in offset(),
        separator in prop_oneof![Just('T'), Just('t')],
        beyond in "[0-9]{0,12}",
    ) {
        let local = DateTime::from_timestamp_micros(microsecond).unwrap();
        let text = format!("{}{beyond}{offset}", local.format(&format!("%Y-%m-%d{separator}%H:%M:%S%.6f")));
        let up = beyond.starts_with(['5', '6', '7', '8', '9']);
        let expected = at(microsecond) + TimeDelta::microseconds(i64::from(up)) - TimeDelta::minutes(minutes);
        if (0..=9999).contains(&expected.0.year()) {
            prop_assert_eq!(text.parse(), Ok(expected), "{}", text);
        } else {
            prop_assert!(text.parse::<Timestamp>().is_err(), "{}", text);
        }
    }

    #[test]
    fn a_fraction_may_be_short(microsecond in microsecond(), digits in 1_usize..=6) {
        let second = microsecond.div_euclid(1_000_000) * 1_000_000;
        let unit = 10_i64.pow(6 - u32::try_from(digits).unwrap());
        let fraction = microsecond.rem_euclid(1_000_000) / unit;
        let text = format!("{}.{fraction:0digits$}Z", at(second).to_string().trim_end_matches('Z'));
        prop_assert_eq!(text.parse(), Ok(at(second + fraction * unit)));
    }

    #[test]
    fn one_character_less_or_another_one_more_is_no_time(
        microsecond in microsecond(),
        place in 0_usize..20,
        strange in "[ +:,\\-.TZ_\u{a0}\u{2212}\u{ff10}]",
    ) {
        // With all of `YYYY-MM-DDTHH:MM:SSZ`, and no fraction to lengthen.
        let text = at(microsecond.div_euclid(1_000_000) * 1_000_000).to_string();
        let mut shorter = text.clone();
        shorter.remove(place);
        prop_assert!(shorter.parse::<Timestamp>().is_err(), "{}", shorter);
        let mut longer = text.clone();
        longer.insert_str(place, &strange);
        prop_assert!(longer.parse::<Timestamp>().is_err(), "{}", longer);
    }

    #[test]
    fn any_text_is_refused_or_means_what_it_is_written_as(text in "[0-9TZ:. +-]{0,24}|\\PC*") {
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
        if let Ok(date) = text.parse::<Date>() {
            prop_assert_eq!(date.to_string(), text);
        }
    }
}

#[test]
fn near_misses_are_no_times() {
    for text in [
        "",
        "2026-03-01",
        "2026-03-01T09:30Z",
        "2026-03-01T09:30:00",
        "2026-03-01 09:30:00Z",
        "2026-03-01_09:30:00Z",
        "2026-03-01T09:30:00 Z",
        " 2026-03-01T09:30:00Z",
        "2026-03-01T09:30:00Z ",
        "2026-03-01T09:30:00Z\n",
        "2026-03-01T09:30:00UTC",
        "2026-03-01T09:30:00+00:00[UTC]",
        "2026-03-01T09:30:00Z[Europe/Berlin]",
        "2026-03-01T09:30:00+01",
        "2026-03-01T09:30:00+0100",
        "2026-03-01T09:30:00+1:00",
        "2026-03-01T09:30:00+01:0",
        "2026-03-01T09:30:00+01:60",
        "2026-03-01T09:30:00+01:00:00",
        "2026-03-01T09:30:00+24:00",
        "2026-03-01T09:30:00-24:00",
        "2026-03-01T09:30:00+99:00",
        "2026-03-01T09:30:00\u{2212}01:00",
        "2026-03-01T09:30:00.Z",
        "2026-03-01T09:30:00,5Z",
        "2026-03-01T09:30:00.5",
        "2026-03-01T24:00:00Z",
        "2026-03-01T09:60:00Z",
        "2026-03-01T09:30:60Z",
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.5Z",
        "2016-12-31T23:59:61Z",
        "2026-02-29T09:30:00Z",
        "2026-13-01T09:30:00Z",
        "2026-00-01T09:30:00Z",
        "2026-3-1T9:30:00Z",
        "20260301T093000Z",
        "2026-W09-7T09:30:00Z",
        "2026-060T09:30:00Z",
        "26-03-01T09:30:00Z",
        "+2026-03-01T09:30:00Z",
        "-2026-03-01T09:30:00Z",
        "+002026-03-01T09:30:00Z",
        "12026-03-01T09:30:00Z",
        "\u{ff12}026-03-01T09:30:00Z",
        // Years that four digits don't write, in UTC.
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59.9999999Z",
        "Sun, 01 Mar 2026 09:30:00 GMT",
        "1772357400",
        "now",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}

#[test]
fn near_misses_are_no_dates() {
    for text in [
        "",
        "2026-3-1",
        "2026-03-1",
        "2026-3-001",
        "26-03-01",
        "02026-03-01",
        "+2026-03-01",
        "-2026-03-01",
        "-000001-03-01",
        "2026-02-29",
        "2026-03-32",
        "2026-03-00",
        "2026-00-01",
        "2026 -03-01",
        " 2026-03-01",
        "2026-03-01 ",
        "2026- 3- 1",
        "20260301",
        "2026/03/01",
        "2026-060",
        "2026-03-01Z",
        "2026-03-01T00:00:00Z",
        "\u{ff12}026-03-01",
    ] {
        assert!(text.parse::<Date>().is_err(), "{text}");
    }
}

#[test]
fn a_time_of_day_is_a_whole_minute() {
    for text in ["09:30", "09:30:00"] {
        let time: Time = text.parse().unwrap();
        assert_eq!(time.to_string(), "09:30:00");
    }
    for text in [
        "",
        "9:30",
        " 9:30",
        "09:3",
        "09:30 ",
        "09:30:30",
        "09:30:60",
        "09:30:00.0",
        "09:30:00.5",
        "24:00",
        "09:60",
        "T09:30",
        "0930",
        "09",
        "09:30Z",
    ] {
        assert!(text.parse::<Time>().is_err(), "{text}");
    }
}

#[test]
fn a_time_is_written_in_utc_with_the_digits_it_needs() {
    for (text, written, with_microseconds) in [
        (
            "2026-03-01T10:30:00+01:00",
            "2026-03-01T09:30:00Z",
            "2026-03-01T09:30:00.000000Z",
        ),
        (
            "2026-03-01t09:30:10.120z",
            "2026-03-01T09:30:10.12Z",
            "2026-03-01T09:30:10.120000Z",
        ),
        (
            "0000-01-01T00:00:00.0000005Z",
            "0000-01-01T00:00:00.000001Z",
            "0000-01-01T00:00:00.000001Z",
        ),
    ] {
        let time: Timestamp = text.parse().unwrap();
        assert_eq!(time.to_string(), written);
        assert_eq!(json!(time), json!(written));
        assert_eq!(time.with_microseconds(), with_microseconds);
    }
}

#[test]
fn a_refusal_says_what_is_expected_and_not_what_came() {
    let expected = "expected a time with its offset from UTC (RFC 3339), for example 2026-03-01T09:30:00Z; \
        got a string of 6 characters";
    assert_eq!(message::<Timestamp>(json!("secret")), expected);
    let expected =
        "expected a date (RFC 3339), for example 2026-03-01; got a string of 6 characters";
    assert_eq!(message::<Date>(json!("secret")), expected);
}

#[test]
fn a_month_begins_on_its_first_day_in_utc() {
    let time: Timestamp = "2026-03-31T23:00:00-02:00".parse().unwrap();
    assert_eq!(time.first_of_month().to_string(), "2026-04-01");
}

fn message<T: serde::de::DeserializeOwned + std::fmt::Debug>(value: serde_json::Value) -> String {
    match parsing::typed::<T>(&value, "") {
        Err(errors::Error::Invalid(fields)) => fields[0].message.clone(),
        other => panic!("{other:?}"),
    }
}
