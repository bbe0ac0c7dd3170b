//! Visits become Encounters.
//!
//! An Encounter has no status for a visit that the patient missed. Such a visit is cancelled as an Encounter and `noshow` as
//! an Appointment, to which the Encounter refers. <https://hl7.org/fhir/R4/encounter.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-encounter.html>

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::appointment::{Appointment, AppointmentStatus, Location, LocationKind};
use serde_json::{Value, json};
use sql::Jsonb;
use uuid::Uuid;

use super::Chart;
use super::builder::Builder;
use super::elements::{NULL_FLAVOR, address, given, imported, part, reference};
use crate::mapping::visits::{ASSUMED_MINUTES, MAX_MINUTES, UNKNOWN_END};
use crate::mapping::words::{list, object};

/// <https://hl7.org/fhir/R4/v3/ActEncounterCode/vs.html>
const CLASS: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

impl Chart {
    /// The visit as Encounter. One that the patient missed is an Appointment, too.
    pub(super) fn visit(&self, visit: &Appointment) -> Vec<(Uuid, Value)> {
        let Appointment {
            id,
            patient_id: _,
            provider_id,
            scheduled_at,
            duration_minutes,
            status,
            location,
            notes,
            source_system,
            external_id,
            custom_data,
            custom_data_version,
            created_at,
            updated_at,
            is_archived: _,
            version,
            change_reason,
            rating,
        } = visit;
        let id: Uuid = (*id).into();
        let begins: DateTime<Utc> = (*scheduled_at).into();
        let booked_until = begins + TimeDelta::minutes((*duration_minutes).into());
        let location = location.as_ref().map(|Jsonb(location)| location);
        let is_imported = source_system.is_some();
        let said = notes.as_deref().filter(|_| is_imported);
        let said = said.and_then(|notes| Said::parse(notes, *duration_minutes));
        let ends = match said.as_ref().map(|said| said.end) {
            Some(End::Unknown) => None,
            Some(End::Later(until)) => Some(until),
            Some(End::Booked) | None => Some(booked_until),
        };
        let provider = self.reference(Some((*provider_id).into()));
        let participants = provider.clone().into_iter();
        let types = match (&said, is_imported && notes.is_none()) {
            (Some(said), _) => said.kind.map(|kind| json!([{"text": kind}])),
            (None, true) => None,
            (None, false) => Some(json!([{"text": in_words(location)}])),
        };
        let mut it = Builder::new("Encounter", id);
        let place = location.and_then(|location| place(location, &mut it));
        let mut resources = Vec::new();
        if *status == AppointmentStatus::NoShow {
            let booking = part(id, "booking");
            it.set("appointment", Some(json!([reference(booking)])));
            let actors = self.subject().into_iter().chain(provider);
            let mut missed = Builder::new("Appointment", booking);
            missed
                .set("status", Some(json!("noshow")))
                .set("start", Some(json!(scheduled_at)))
                .set("end", Some(json!(written(booked_until))))
                .set("minutesDuration", Some(json!(duration_minutes)))
                .set(
                    "participant",
                    list(actors.map(|actor| json!({"actor": actor, "status": "accepted"}))),
                );
            resources.push((booking, missed.build()));
        }
        it.profile("encounter", types.is_some())
            .version(updated_at, *version)
            .set(
                "identifier",
                imported(source_system.as_ref(), external_id.as_ref()),
            )
            .set(
                "status",
                Some(json!(match status {
                    AppointmentStatus::Scheduled => "planned",
                    AppointmentStatus::CheckedIn => "arrived",
                    AppointmentStatus::Completed => "finished",
                    AppointmentStatus::Cancelled | AppointmentStatus::NoShow => "cancelled",
                })),
            )
            .set("class", Some(class(location, is_imported)))
            .set("type", types)
            .set("subject", self.subject())
            .set(
                "participant",
                list(participants.map(|person| json!({"individual": person}))),
            )
            .set(
                "period",
                Some(object([
                    ("start", Some(json!(scheduled_at))),
                    ("end", ends.map(|ends| json!(written(ends)))),
                ])),
            )
            .set(
                "reasonCode",
                said.as_ref()
                    .and_then(|said| said.reason)
                    .map(|reason| json!([{"text": reason}])),
            )
            .set("location", place.map(|place| json!([{"location": place}])))
            .extend(
                "notes",
                "String",
                notes
                    .as_ref()
                    .filter(|_| said.is_none())
                    .map(|it| json!(it)),
            )
            .extend("change-reason", "String", given(change_reason.as_ref()))
            .extend("rating", "Integer", given(rating.as_ref()))
            .extend("created-at", "DateTime", Some(json!(created_at)))
            .custom_data(
                custom_data.as_ref().map(|it| it.value()),
                *custom_data_version,
            );
        resources.push((id, it.build()));
        resources
    }
}

/// How the patient and the provider meet. The setting of an imported visit in person isn't known: an import doesn't keep it.
fn class(location: Option<&Location>, is_imported: bool) -> Value {
    let kind = location.map(|location| location.kind);
    match kind {
        Some(LocationKind::Video | LocationKind::Phone) => {
            json!({"system": CLASS, "code": "VR", "display": "virtual"})
        }
        _ if is_imported => json!({"system": NULL_FLAVOR, "code": "UNK", "display": "unknown"}),
        _ => json!({"system": CLASS, "code": "AMB", "display": "ambulatory"}),
    }
}

fn in_words(location: Option<&Location>) -> &'static str {
    match location.map(|location| location.kind) {
        Some(LocationKind::InPerson) => "Visit in person",
        Some(LocationKind::Video) => "Video visit",
        Some(LocationKind::Phone) => "Telephone visit",
        None => "Visit",
    }
}

/// The place of the visit as a contained Location.
fn place(location: &Location, encounter: &mut Builder) -> Option<Value> {
    let Location {
        kind: _,
        name,
        address: at,
        url,
    } = location;
    if name.is_none() && at.is_none() && url.is_none() {
        return None;
    }
    let place = object([
        ("resourceType", Some(json!("Location"))),
        ("mode", Some(json!("instance"))),
        ("name", given(name.as_ref())),
        ("address", at.as_ref().map(address)),
        (
            "telecom",
            url.as_ref()
                .map(|url| json!([{"system": "url", "value": url}])),
        ),
    ]);
    Some(encounter.contain("place", place))
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What an import put into the notes of a visit: see [`crate::mapping::visits`].
#[derive(Debug, PartialEq)]
struct Said<'a> {
    kind: Option<&'a str>,
    reason: Option<&'a str>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Booked,
    Unknown,
    Later(DateTime<Utc>),
}

impl<'a> Said<'a> {
    /// Takes the notes apart. `None` if an import would write something else.
    fn parse(notes: &'a str, minutes: i32) -> Option<Self> {
        let mut rest = notes;
        // Cuts off the last part that begins with these words.
        let mut cut = |words: &str| -> Option<&'a str> {
            let at = match rest.rfind(&format!(". {words}")) {
                Some(at) => at + ". ".len(),
                None if rest.starts_with(words) => 0,
                None => return None,
            };
            let found = &rest[at + words.len()..];
            rest = rest[..at].strip_suffix(". ").unwrap_or(&rest[..at]);
            Some(found)
        };
        let minutes = i64::from(minutes);
        let end = match (cut(UNKNOWN_END), cut("Lasted until ")) {
            (Some(""), None) if minutes == ASSUMED_MINUTES => End::Unknown,
            (None, Some(until)) if minutes == MAX_MINUTES => {
                End::Later(DateTime::parse_from_rfc3339(until).ok()?.to_utc())
            }
            (None, None) => End::Booked,
            _ => return None,
        };
        let reason = cut("Reason: ");
        let kind = (!rest.is_empty()).then_some(rest);
        let fits = [kind, reason]
            .iter()
            .flatten()
            .all(|part| part.chars().count() <= 500 && parsing::fit_line(part) == **part);
        fits.then_some(Self { kind, reason, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notes_of_an_import_are_taken_apart() {
        let said = |kind, reason, end| Some(Said { kind, reason, end });
        for (notes, minutes, expected) in [
            ("Check up", 15, said(Some("Check up"), None, End::Booked)),
            (
                "Check up. Reason: Pain. Practitioner: Vera. Its end is not known",
                30,
                said(
                    Some("Check up"),
                    Some("Pain. Practitioner: Vera"),
                    End::Unknown,
                ),
            ),
            ("Reason: Pain", 15, said(None, Some("Pain"), End::Booked)),
            ("Its end is not known", 15, None),
            ("Its end is not known, they say", 30, None),
            (
                "Stay. Lasted until 2020-01-03T00:00:00Z",
                1440,
                said(
                    Some("Stay"),
                    None,
                    End::Later("2020-01-03T00:00:00Z".parse().unwrap()),
                ),
            ),
            ("Bring\ntwo lines", 15, None),
        ] {
            assert_eq!(Said::parse(notes, minutes), expected, "{notes}");
        }
    }
}
