//! Dates, times, amounts and codes in words.

use chrono::NaiveDate;
use domain::coding::Coding;
use domain::measure::{
    Comparator, ObservationValue, Period, Quantity, Range, Ratio, SimpleQuantity,
};
use domain::patient::Gender;
use domain::time::Timestamp;
use domain::zone::Zone;

/// A time of a clinical fact, as exactly as it is known: `2019`, `May 2019`, `May 17, 2019` or `May 17, 2019, 10:30 AM`.
pub fn when(text: &str, zone: &Zone) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) if text.contains('T') => time(at, zone),
        _ => date(text),
    }
}

/// A point in time on the clock of the zone.
pub fn time(at: Timestamp, zone: &Zone) -> String {
    zone.local(at).format("%B %-d, %Y, %-I:%M %p").to_string()
}

/// The day of a point in time, by the clock of the zone.
pub fn day(at: Timestamp, zone: &Zone) -> String {
    zone.local(at).format("%B %-d, %Y").to_string()
}

/// A day, month or year.
pub fn date(text: &str) -> String {
    let form = match text.len() {
        7 => "%B %Y",
        10 => "%B %-d, %Y",
        _ => return text.to_owned(),
    };
    let whole = format!("{text}-01");
    let day: Result<NaiveDate, _> = whole[..10].parse();
    day.map_or_else(|_| text.to_owned(), |day| day.format(form).to_string())
}

/// From one time to another.
pub fn span(start: Option<String>, end: Option<String>) -> Option<String> {
    match (start, end) {
        (Some(start), Some(end)) if start == end => Some(start),
        (Some(start), Some(end)) => Some(format!("{start} to {end}")),
        (Some(start), None) => Some(format!("From {start}")),
        (None, Some(end)) => Some(format!("Until {end}")),
        (None, None) => None,
    }
}

pub fn gender(gender: Gender) -> &'static str {
    match gender {
        Gender::Male => "Male",
        Gender::Female => "Female",
        Gender::Other => "Other",
        Gender::Unknown => "Not known",
    }
}

/// A code such as `entered-in-error` in words.
pub fn plain(code: &str) -> String {
    let words = code.replace(['-', '_'], " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

/// A concept in words: its display, or else its code.
pub fn concept(coding: &Coding) -> String {
    let display = coding.display.as_ref().map(ToString::to_string);
    let code = coding.code.as_ref().map(ToString::to_string);
    display.or(code).unwrap_or_default()
}

/// The code of a concept with the name of its system, for people who look it up.
pub fn code(coding: &Coding) -> Option<String> {
    let code = coding.code.as_ref()?;
    let system = serde_json::to_value(coding.system.as_ref()?).ok()?;
    let system = system.as_str()?.to_owned();
    let name = match system.as_str() {
        "http://snomed.info/sct" => "SNOMED CT",
        "http://loinc.org" => "LOINC",
        "http://www.nlm.nih.gov/research/umls/rxnorm" => "RxNorm",
        "http://hl7.org/fhir/sid/cvx" => "CVX",
        "http://hl7.org/fhir/sid/icd-10-cm" => "ICD-10-CM",
        other => other,
    };
    Some(format!("{name} {code}"))
}

pub fn concepts(codings: &[Coding]) -> String {
    let all: Vec<_> = codings.iter().map(concept).collect();
    all.join(", ")
}

pub fn quantity(amount: &Quantity) -> String {
    let comparator = amount.comparator.map(|comparator| match comparator {
        Comparator::Less => "less than ",
        Comparator::AtMost => "at most ",
        Comparator::AtLeast => "at least ",
        Comparator::Greater => "more than ",
    });
    let unit = amount.unit.as_ref().map(ToString::to_string);
    let unit = unit.or(amount.code.as_ref().map(ToString::to_string));
    format!(
        "{}{}",
        comparator.unwrap_or_default(),
        with_unit(&amount.value.to_string(), unit)
    )
}

pub fn simple_quantity(amount: &SimpleQuantity) -> String {
    let unit = amount.unit.as_ref().map(ToString::to_string);
    let unit = unit.or(amount.code.as_ref().map(ToString::to_string));
    with_unit(&amount.value.to_string(), unit)
}

fn with_unit(number: &str, unit: Option<String>) -> String {
    match unit {
        Some(unit) => format!("{number} {unit}"),
        None => number.to_owned(),
    }
}

pub fn range(low: Option<&SimpleQuantity>, high: Option<&SimpleQuantity>) -> Option<String> {
    Some(match (low, high) {
        (Some(low), Some(high)) if low.unit == high.unit => {
            format!("{} to {}", low.value, simple_quantity(high))
        }
        (Some(low), Some(high)) => format!("{} to {}", simple_quantity(low), simple_quantity(high)),
        (Some(low), None) => format!("at least {}", simple_quantity(low)),
        (None, Some(high)) => format!("at most {}", simple_quantity(high)),
        (None, None) => return None,
    })
}

pub fn of_range(of: &Range) -> String {
    range(of.low.as_ref(), of.high.as_ref()).unwrap_or_default()
}

pub fn ratio(ratio: &Ratio) -> String {
    let (above, below) = (quantity(&ratio.numerator), quantity(&ratio.denominator));
    let has_units = ratio.numerator.unit.is_some() || ratio.denominator.unit.is_some();
    match has_units {
        true => format!("{above} per {below}"),
        false => format!("{above}:{below}"),
    }
}

pub fn period(period: &Period, zone: &Zone) -> String {
    let [start, end] =
        [&period.start, &period.end].map(|at| at.as_ref().map(|at| when(&at.to_string(), zone)));
    span(start, end).unwrap_or_default()
}

pub fn value(value: &ObservationValue, zone: &Zone) -> String {
    match value {
        ObservationValue::Quantity(amount) => quantity(amount),
        ObservationValue::Coded(coding) => concept(coding),
        ObservationValue::Text(text) => text.to_string(),
        ObservationValue::Range(amounts) => of_range(amounts),
        ObservationValue::Ratio(amounts) => ratio(amounts),
        ObservationValue::Boolean(true) => "Yes".to_owned(),
        ObservationValue::Boolean(false) => "No".to_owned(),
        ObservationValue::Integer(number) => number.to_string(),
        ObservationValue::Time(time) => time.to_string(),
        ObservationValue::DateTime(at) => when(&at.to_string(), zone),
        ObservationValue::Period(times) => period(times, zone),
    }
}

/// A size in bytes, in units that people use.
pub fn size(bytes: i64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in units {
        if bytes >= unit {
            let tenths = (bytes + unit / 20) / (unit / 10);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_exactly_as_they_are_known() {
        let zone = Zone::named("America/New_York").expect("the zone exists");
        for (text, expected) in [
            ("2019", "2019"),
            ("2019-05", "May 2019"),
            ("2019-05-07", "May 7, 2019"),
            ("2019-05-07T02:30:00Z", "May 6, 2019, 10:30 PM"),
        ] {
            assert_eq!(when(text, &zone), expected);
        }
    }

    #[test]
    fn sizes_and_codes_are_plain() {
        for (bytes, expected) in [
            (999, "999 bytes"),
            (1_449, "1.4 kB"),
            (2_000_000, "2.0 MB"),
            (2_147_483_648, "2.1 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(plain("entered-in-error"), "Entered in error");
    }
}
