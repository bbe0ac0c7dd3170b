//! Patients and practitioners become users with a role.

use serde_json::{Value, json};
use uuid::Uuid;

use super::current::current;
use super::words::{label, list, object, status, status_of, text, time, words};
use super::{Mapper, Notes};
use crate::resources::{
    Address, AllergyIntolerance, Goal, HumanName, Identifier, Patient, Practitioner, Telecom,
};

const MAX_NAME: usize = 100;
const SOCIAL_SECURITY: &str = "http://hl7.org/fhir/sid/us-ssn";
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
fn identity(full_url: &str, name: &Name) -> (Uuid, String) {
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
    let [first, last] = [&name.first, &name.last].map(|part| part.as_deref().unwrap_or_default());
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
        // A name or a number would be patient data in a message.
        let successor = link.other.reference.as_deref();
        let successor = successor.filter(|it| !it.contains(['?', '|']));
        let successor = successor.unwrap_or("another patient");
        return Err(format!("was replaced by {successor}"));
    }
    if patient.active == Some(false) {
        notes.push(
            "the patient is inactive; an administrator can set the account's status to INACTIVE"
                .into(),
        );
    }
    let several = [
        (patient.name.len(), "names"),
        (patient.identifier.len(), "identifiers"),
        (patient.address.len(), "addresses"),
        (patient.communication.len(), "languages"),
    ];
    for (_, what) in several.into_iter().filter(|(count, _)| *count > 1) {
        notes.push(format!("only one of several {what} is carried over"));
    }
    let name = name(&patient.name)?;
    let (id, email) = identity(full_url, &name);
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
        ("first_name", name.first.map(Value::from)),
        ("last_name", name.last.map(Value::from)),
        ("phone", phone(&patient.telecom)),
        ("notification_email", mailbox(&patient.telecom)),
        ("address", current(&patient.address).map(address)),
        ("preferences", language),
    ]);
    // The number in the source's records, or else in its system, or else what may be one.
    let number = identifier(&patient.identifier, |it| is_of_type(it, "MR"))
        .or_else(|| identifier(&patient.identifier, |it| is_of_type(it, "PI")))
        .or_else(|| {
            identifier(&patient.identifier, |it| {
                it.r#type.is_none() && it.system.as_deref() != Some(SOCIAL_SECURITY)
            })
        })
        .ok_or("lacks a present medical record number (type MR or PI, or without type)")?;
    let born = patient.birth_date.as_ref().ok_or("lacks birthDate")?;
    let deceased = match (&patient.deceased_date_time, patient.deceased_boolean) {
        (Some(at), _) => Some(json!({"at": time(at)})),
        (None, Some(true)) => Some(json!({})),
        (None, _) => None,
    };
    let profile = object([
        ("patient_number", Some(json!(number))),
        ("date_of_birth", Some(json!(born.0))),
        ("deceased", deceased),
        (
            "gender",
            Some(
                patient
                    .gender
                    .map_or_else(|| json!("unknown"), |gender| json!(gender)),
            ),
        ),
    ]);
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
    let name = name(&practitioner.name)?;
    let (id, email) = identity(full_url, &name);
    let user = object([
        ("subject", Some(json!(id))),
        ("username", Some(json!(email))),
        ("role", Some(json!("PROVIDER"))),
        ("first_name", name.first.map(Value::from)),
        ("last_name", name.last.map(Value::from)),
        ("phone", phone(&practitioner.telecom)),
        ("notification_email", mailbox(&practitioner.telecom)),
        ("address", current(&practitioner.address).map(address)),
    ]);
    let license = identifier(&practitioner.identifier, |it| {
        it.system.as_deref() == Some(NPI)
    })
    .or_else(|| identifier(&practitioner.identifier, |_| true))
    .ok_or("lacks a present identifier, such as the National Provider Identifier (NPI)")?;
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
/// Its code has neither a coding nor text.
pub fn allergy(allergy: &AllergyIntolerance, mapper: &mut Mapper<'_>) -> Result<Value, String> {
    let mut reactions = Vec::new();
    for reaction in &allergy.reaction {
        let Some(manifestation) = mapper.codings(&reaction.manifestation) else {
            mapper.note("a reaction without a manifestation is not carried over");
            continue;
        };
        reactions.push(object([
            ("manifestation", Some(manifestation)),
            (
                "severity",
                reaction.severity.map(|severity| json!(severity)),
            ),
            ("description", text(reaction.description.as_deref(), 2000)),
        ]));
    }
    Ok(object([
        ("code", Some(mapper.needed_coding(&allergy.code, "code")?)),
        ("type", allergy.r#type.map(|kind| json!(kind))),
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
        ("onset", allergy.onset_date_time.as_ref().map(time)),
        ("recorded_at", allergy.recorded_date.as_ref().map(time)),
        ("reaction", list(reactions)),
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
            "start_date",
            goal.start_date.as_ref().map(|date| json!(date.0)),
        ),
        (
            "target_date",
            goal.target
                .iter()
                .find_map(|target| target.due_date.as_ref())
                .map(|date| json!(date.0)),
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

/// A name of one or two parts.
struct Name {
    first: Option<String>,
    last: Option<String>,
}

/// The given and the family name of the present name. Of a name that has neither, its text stands as the family name.
fn name(names: &[HumanName]) -> Result<Name, String> {
    let name = current(names).ok_or("lacks a present name")?;
    let first = words(&name.given.join(" "), MAX_NAME);
    let family = name
        .family
        .as_deref()
        .and_then(|family| words(family, MAX_NAME));
    let whole = || name.text.as_deref().and_then(|text| words(text, MAX_NAME));
    match (first, family) {
        (None, None) => Ok(Name {
            first: None,
            last: Some(whole().ok_or("has a name without parts and text")?),
        }),
        (first, last) => Ok(Name { first, last }),
    }
}

/// The present telephone number.
fn phone(telecom: &[Telecom]) -> Option<Value> {
    text(contact(telecom, "phone"), 50)
}

/// The present e-mail address, in the API's form.
fn mailbox(telecom: &[Telecom]) -> Option<Value> {
    let email = words(contact(telecom, "email")?, 254)?.to_lowercase();
    let (local, domain) = email.split_once('@')?;
    let is_address = !local.is_empty()
        && domain.contains('.')
        && !domain.contains('@')
        && !email.contains(|c: char| c.is_whitespace() || c == '…');
    is_address.then(|| json!(email))
}

fn contact<'a>(telecom: &'a [Telecom], system: &str) -> Option<&'a str> {
    let fitting = telecom
        .iter()
        .filter(|contact| contact.system.as_deref() == Some(system));
    current(fitting)?.value.as_deref()
}

/// Whether the identifier has this type (<https://hl7.org/fhir/R4/v2/0203/>).
fn is_of_type(identifier: &Identifier, code: &str) -> bool {
    let kind = identifier.r#type.iter();
    let mut codings = kind.flat_map(|kind| &kind.coding);
    codings.any(|coding| coding.code.as_deref() == Some(code))
}

/// The identifier's value. One that is too long is left out, because a cut one could be another
/// person's.
fn identifier(identifiers: &[Identifier], is: impl Fn(&Identifier) -> bool) -> Option<&str> {
    let fitting = identifiers.iter().filter(|identifier| is(identifier));
    let value = current(fitting)?.value.as_deref()?;
    (words(value, 100).as_deref() == Some(value)).then_some(value)
}
