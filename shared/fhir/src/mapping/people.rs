//! Patients and practitioners become users with a role.

use serde_json::{Value, json};
use uuid::Uuid;

use super::current::current;
use super::words::{Notes, coding, label, object, status, status_of, text, time, words};
use crate::resources::{
    Address, AllergyIntolerance, Goal, HumanName, Identifier, Patient, Practitioner, Telecom,
};

const MAX_NAME: usize = 100;
const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

/// A person to register: a user, and the patient or provider that this user is.
#[derive(Debug)]
pub struct Registration {
    /// The user's id, a UUIDv5 of the resource's `fullUrl`: the same at each import.
    pub id: Uuid,
    /// The sign-in e-mail.
    pub email: String,
    /// Body of create-user.
    pub user: Value,
    /// Body of create-patient or create-provider.
    pub profile: Value,
}

/// The id and the sign-in e-mail: the same each time the resource is imported.
fn identity(full_url: &str, first: &str, last: &str) -> (Uuid, String) {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, full_url.as_bytes());
    let plain = |name: &str| -> String {
        name.to_lowercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(25)
            .collect()
    };
    // Part of the id distinguishes people of the same name.
    let apart = &id.simple().to_string()[..8];
    let parts = [plain(first), plain(last), apart.to_owned()];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (id, format!("{}@example.org", parts.join(".")))
}

/// Maps a Patient.
///
/// # Errors
/// A required part is missing; names it.
pub fn patient(
    full_url: &str,
    patient: &Patient,
    notes: &mut Notes,
) -> Result<Registration, String> {
    if let Some(link) = patient
        .link
        .iter()
        .find(|link| link.r#type == "replaced-by")
    {
        let successor = &link.other.reference;
        return Err(format!("was replaced by {successor}"));
    }
    if patient.active == Some(false) {
        notes.push("the patient is inactive, which the API has no field for".into());
    }
    let (first, last) = name(&patient.name)?;
    let (id, email) = identity(full_url, &first, &last);
    let spoken = &patient.communication;
    let preferred = spoken
        .iter()
        .find(|language| language.preferred == Some(true));
    let language = preferred.or(spoken.first()).and_then(|communication| {
        let code = communication.language.coding.first()?.code.as_deref()?;
        Some(json!({"language": text(Some(code), 35)?}))
    });
    let user = object([
        ("subject", Some(json!(id))),
        ("username", Some(json!(email))),
        ("role", Some(json!("PATIENT"))),
        ("first_name", Some(json!(first))),
        ("last_name", Some(json!(last))),
        ("phone", phone(&patient.telecom)),
        ("address", current(&patient.address).map(address)),
        ("preferences", language),
    ]);
    let number = identifier(&patient.identifier, is_record_number)
        .ok_or("lacks a medical record number (MR)")?;
    let profile = object([
        ("patient_number", Some(json!(number))),
        ("date_of_birth", Some(json!(patient.birth_date))),
        (
            "gender",
            Some(
                patient
                    .gender
                    .map_or_else(|| json!("unknown"), |gender| json!(gender)),
            ),
        ),
    ]);
    if patient.deceased_date_time.is_some() || patient.deceased_boolean == Some(true) {
        notes.push("the patient has died, which the API has no field for".into());
    }
    Ok(Registration {
        id,
        email,
        user,
        profile,
    })
}

/// Maps a Practitioner.
///
/// # Errors
/// As [`patient`].
pub fn provider(full_url: &str, practitioner: &Practitioner) -> Result<Registration, String> {
    let (first, last) = name(&practitioner.name)?;
    let (id, email) = identity(full_url, &first, &last);
    let user = object([
        ("subject", Some(json!(id))),
        ("username", Some(json!(email))),
        ("role", Some(json!("PROVIDER"))),
        ("first_name", Some(json!(first))),
        ("last_name", Some(json!(last))),
        ("phone", phone(&practitioner.telecom)),
        ("address", current(&practitioner.address).map(address)),
    ]);
    let license = identifier(&practitioner.identifier, |it| {
        it.system.as_deref() == Some(NPI)
    })
    .ok_or("lacks a National Provider Identifier (NPI)")?;
    Ok(Registration {
        id,
        email,
        user,
        profile: json!({"license_number": license, "specialties": []}),
    })
}

/// Maps an AllergyIntolerance to an item of the patient's `allergies`.
///
/// # Errors
/// Its code has no coding.
pub fn allergy(allergy: &AllergyIntolerance) -> Result<Value, String> {
    Ok(object([
        ("code", Some(coding(&allergy.code, "code")?)),
        (
            "category",
            (!allergy.category.is_empty()).then(|| json!(allergy.category)),
        ),
        (
            "criticality",
            allergy.criticality.map(|criticality| json!(criticality)),
        ),
        (
            "clinical_status",
            status_of(allergy.clinical_status.as_ref()),
        ),
        (
            "verification_status",
            status_of(allergy.verification_status.as_ref()),
        ),
        ("recorded_at", allergy.recorded_date.as_ref().map(time)),
    ]))
}

/// Maps a Goal to an item of the patient's `health_goals`.
///
/// # Errors
/// It has no description.
pub fn goal(goal: &Goal) -> Result<Value, String> {
    Ok(object([
        (
            "description",
            Some(json!(
                label(&goal.description, 1000).ok_or("lacks a description")?
            )),
        ),
        ("status", status(&goal.lifecycle_status)),
        (
            "target_date",
            goal.target
                .iter()
                .find_map(|target| target.due_date)
                .map(|date| json!(date)),
        ),
    ]))
}

/// An address within the API's limits.
pub fn address(address: &Address) -> Value {
    let lines: Vec<_> = address
        .line
        .iter()
        .filter_map(|line| words(line, 200))
        .collect();
    object([
        ("line", (!lines.is_empty()).then(|| json!(lines))),
        ("city", text(address.city.as_deref(), 100)),
        ("state", text(address.state.as_deref(), 100)),
        ("postal_code", text(address.postal_code.as_deref(), 20)),
        ("country", text(address.country.as_deref(), 100)),
    ])
}

/// The given and the family name of the present name.
fn name(names: &[HumanName]) -> Result<(String, String), String> {
    let name = current(names).ok_or("lacks a present name")?;
    let first = words(&name.given.join(" "), MAX_NAME).ok_or("lacks a given name")?;
    let last = name
        .family
        .as_deref()
        .and_then(|family| words(family, MAX_NAME))
        .ok_or("lacks a family name")?;
    Ok((first, last))
}

fn phone(telecom: &[Telecom]) -> Option<Value> {
    let phones = telecom
        .iter()
        .filter(|contact| contact.system.as_deref() == Some("phone"));
    let phone = current(phones)?;
    text(phone.value.as_deref(), 50)
}

fn is_record_number(identifier: &Identifier) -> bool {
    let Some(kind) = &identifier.r#type else {
        return false;
    };
    kind.coding
        .iter()
        .any(|coding| coding.code.as_deref() == Some("MR"))
}

/// The identifier's value. One that is too long is left out, because a cut one could be another
/// person's.
fn identifier(identifiers: &[Identifier], is: impl Fn(&Identifier) -> bool) -> Option<&str> {
    let fitting = identifiers.iter().filter(|identifier| is(identifier));
    let value = current(fitting)?.value.as_deref()?;
    (words(value, 100).as_deref() == Some(value)).then_some(value)
}
