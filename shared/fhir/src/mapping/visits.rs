//! Encounters become appointments.

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::people::address;
use super::words::{Notes, label, object, text, words};
use crate::bundle::SOURCE_SYSTEM;
use crate::lookup::Lookup;
use crate::resources::{Encounter, Resource};

/// The longest appointment, in minutes.
const MAX_MINUTES: i64 = 1440;

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

/// Maps an Encounter to the body of create-appointment without `patient_id` and `provider_id`.
///
/// # Errors
/// Its period has no end or isn't plausible, or its organization isn't in the bundle.
pub fn appointment(
    full_url: &str,
    encounter: &Encounter,
    lookup: &Lookup<'_>,
    notes: &mut Notes,
) -> Result<Value, String> {
    let start = &encounter.period.start;
    let end = encounter.period.end.as_ref().ok_or("lacks period.end")?;
    let seconds = (end.at - start.at).num_seconds();
    if seconds < 0 {
        return Err("ends before it begins".into());
    }
    if progress(encounter) != Progress::Planned && start.at > Utc::now() {
        return Err(format!("is {} before it begins", encounter.status));
    }
    if start.period.is_some() {
        notes.push("a date without a time of day becomes its first moment in UTC".into());
    }
    let lasted = (seconds + 59) / 60;
    let minutes = lasted.clamp(1, MAX_MINUTES);

    let kind = encounter.r#type.first().and_then(|kind| label(kind, 500));
    let reason = encounter
        .reason_code
        .first()
        .and_then(|reason| label(reason, 500));
    let mut about: Vec<_> = kind
        .into_iter()
        .chain(reason.map(|reason| format!("Reason: {reason}")))
        .collect();
    if lasted > minutes {
        notes.push(format!(
            "lasted {lasted} minutes; an appointment holds {MAX_MINUTES}"
        ));
        about.push(format!(
            "Lasted until {}",
            end.at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
        ));
    }
    Ok(object([
        ("scheduled_at", Some(json!(start.at))),
        ("duration_minutes", Some(json!(minutes))),
        ("location", Some(location(encounter, lookup)?)),
        ("notes", words(&about.join(". "), 10_000).map(Value::from)),
        ("source_system", Some(json!(SOURCE_SYSTEM))),
        ("external_id", Some(json!(full_url))),
    ]))
}

/// The location: a video call if the class is VR (v3-ActCode), otherwise the organization's place.
fn location(encounter: &Encounter, lookup: &Lookup<'_>) -> Result<Value, String> {
    let place = encounter
        .service_provider
        .as_ref()
        .map(|place| lookup.resource(place))
        .transpose()?
        .flatten();
    let place = match place {
        Some(Resource::Organization(place)) => Some(place),
        _ => None,
    };
    let kind = if encounter.class.code.as_deref() == Some("VR") {
        "VIDEO"
    } else {
        "IN_PERSON"
    };
    Ok(object([
        ("kind", Some(json!(kind))),
        (
            "name",
            place.and_then(|place| text(place.name.as_deref(), 200)),
        ),
        (
            "address",
            place.and_then(|place| place.address.first()).map(address),
        ),
    ]))
}
