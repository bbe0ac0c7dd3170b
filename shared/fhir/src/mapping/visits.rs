//! Encounters become appointments.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::Mapper;
use super::people::address;
use super::words::{label, object, text, words};
use crate::resources::{Address, Encounter, Quantity, Resource};

/// The longest appointment, in minutes.
pub(crate) const MAX_MINUTES: i64 = 1440;
/// The length of an appointment that has no end, in minutes.
pub(crate) const ASSUMED_MINUTES: i64 = 30;

/// What the notes of a visit say that has no end.
pub(crate) const UNKNOWN_END: &str = "Its end is not known";

/// The progress of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is planned.
    Planned,
    /// The patient came.
    Arrived,
    /// It took place.
    Finished,
    /// The patient did not come.
    Missed,
    /// It was cancelled or is in error.
    Off,
}

/// The progress of an encounter, from its status. Some systems write the status of the Appointment there, so
/// its codes are read, too.
pub fn progress(encounter: &Encounter) -> Progress {
    match encounter.status.as_str() {
        "planned" | "booked" => Progress::Planned,
        "arrived" | "checked-in" | "triaged" | "in-progress" | "onleave" => Progress::Arrived,
        "finished" | "fulfilled" => Progress::Finished,
        "noshow" => Progress::Missed,
        _ => Progress::Off,
    }
}

/// Maps an Encounter to the body of create-appointment without `patient_id` and `provider_id`. `practitioner` is the
/// name of a practitioner whom the appointment isn't with, because they aren't in the import.
///
/// # Errors
/// Its period has no start or isn't plausible.
pub fn appointment(
    encounter: &Encounter,
    practitioner: Option<&str>,
    mapper: &mut Mapper<'_>,
) -> Result<Value, String> {
    let period = encounter.period.as_ref();
    let start = period.and_then(|period| period.start.as_ref());
    let start = start.ok_or("has no period with a start, so the time of the visit is unknown")?;
    if progress(encounter) != Progress::Planned && start.at > Utc::now() {
        return Err(format!("is {} before it begins", encounter.status));
    }
    if start.period.is_some() {
        mapper.note("a date without a time of day becomes its first moment in UTC");
    }
    let kind = encounter.r#type.first().and_then(|kind| label(kind, 500));
    let reason = encounter
        .reason_code
        .first()
        .and_then(|reason| label(reason, 500));
    let mut about: Vec<_> = kind
        .into_iter()
        .chain(reason.map(|reason| format!("Reason: {reason}")))
        .chain(practitioner.map(|name| format!("Practitioner: {name}")))
        .collect();

    let end = period.and_then(|period| period.end.as_ref());
    let seconds = match (end, encounter.length.as_ref().and_then(seconds)) {
        (Some(end), _) => Some((end.ends() - start.at).num_seconds()),
        (None, length) => length,
    };
    if seconds.is_some_and(i64::is_negative) {
        return Err("ends before it begins".into());
    }
    let lasted = seconds.map(|seconds| seconds.saturating_add(59) / 60);
    let minutes = lasted.unwrap_or(ASSUMED_MINUTES).clamp(1, MAX_MINUTES);
    match lasted {
        None => {
            mapper.note(format!(
                "has no end, so its length of {ASSUMED_MINUTES} minutes is assumed"
            ));
            about.push(UNKNOWN_END.to_owned());
        }
        Some(lasted) if lasted > minutes => {
            mapper.note(format!(
                "lasted {lasted} minutes; an appointment holds {MAX_MINUTES}"
            ));
            let until = start.at + chrono::TimeDelta::minutes(lasted);
            about.push(format!("Lasted until {}", written(until)));
        }
        Some(_) => {}
    }
    Ok(object([
        ("scheduled_at", Some(json!(start.at))),
        ("duration_minutes", Some(json!(minutes))),
        ("location", Some(location(encounter, mapper))),
        ("notes", words(&about.join(". "), 10_000).map(Value::from)),
        ("external_id", Some(json!(mapper.entry.key))),
    ]))
}

/// A length in seconds (<https://hl7.org/fhir/R4/datatypes.html#Duration>).
fn seconds(length: &Quantity) -> Option<i64> {
    let value = length.value.as_ref()?.as_f64()?;
    let unit = match length.code.as_deref()? {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    // A visit is shorter than a century.
    let seconds = value * unit;
    (0.0..3e9).contains(&seconds).then(|| seconds.ceil() as i64)
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The location: a video call if the class is VR (v3-ActCode), otherwise the place of the organization, or the
/// first other place that is named.
fn location(encounter: &Encounter, mapper: &mut Mapper<'_>) -> Value {
    let kind = if encounter.class.code.as_deref() == Some("VR") {
        "VIDEO"
    } else {
        "IN_PERSON"
    };
    let organization = encounter.service_provider.iter();
    let organization = organization.map(|reference| (reference, "Organization"));
    let locations = encounter.location.iter();
    let locations = locations.filter_map(|place| Some((place.location.as_ref()?, "Location")));
    let mut place = None;
    for (reference, kind) in organization.chain(locations) {
        let display = reference.display.as_deref();
        let found: (Option<&str>, Option<&Address>) = match display {
            // A name in the reference says enough.
            Some(_) if mapper.lookup.entry(reference, mapper.entry, kind).is_none() => {
                (display, None)
            }
            _ => match mapper.resource(reference, kind) {
                Some(Resource::Organization(it)) => (it.name.as_deref(), it.address.first()),
                Some(Resource::Location(it)) => (it.name.as_deref(), it.address.as_ref()),
                _ => continue,
            },
        };
        place = Some(found);
        break;
    }
    let (name, at) = place.unwrap_or_default();
    object([
        ("kind", Some(json!(kind))),
        ("name", text(name, 200)),
        ("address", at.map(address)),
    ])
}
