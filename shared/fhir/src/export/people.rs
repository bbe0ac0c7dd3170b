//! The patient, the providers and the clinic.
//!
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-patient.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-practitioner.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-organization.html>

use domain::patient::{Deceased, Patient};
use domain::provider::{Certification, Provider};
use domain::user::{User, UserStatus};
use serde_json::{Value, json};
use sql::Jsonb;
use uuid::Uuid;

use super::Chart;
use super::builder::Builder;
use super::elements::{address, given, part, reference};
use crate::mapping::words::{list, object};

/// <https://hl7.org/fhir/R4/v2/0203/>
const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
/// <https://hl7.org/fhir/R4/valueset-languages.html>
const LANGUAGE: &str = "urn:ietf:bcp:47";

/// The clinic that keeps the chart.
#[derive(Debug, Clone)]
pub struct Clinic {
    /// A URI of the deployment, such as `urn:caretrail:clinic`. The systems of patient and licence numbers begin with it.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Its website.
    pub website: Option<String>,
    /// Its postal address, with commas between the lines.
    pub address: Option<String>,
}

impl Clinic {
    /// The id of its Organization.
    pub(super) fn id(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, self.uri.as_bytes())
    }

    fn numbers(&self, name: &str) -> String {
        format!("{}:{name}", self.uri)
    }

    /// The clinic as Organization.
    pub(super) fn organization(&self) -> (Uuid, Value) {
        let id = self.id();
        let mut it = Builder::new("Organization", id);
        let telecom = [
            ("phone", &self.phone),
            ("email", &self.email),
            ("url", &self.website),
        ];
        let telecom = telecom.into_iter().filter_map(|(system, value)| {
            Some(json!({"system": system, "value": value.as_ref()?, "use": "work"}))
        });
        it.profile("organization", true)
            .set("active", Some(json!(true)))
            .set("name", Some(json!(self.name)))
            .set("telecom", list(telecom))
            .set(
                "address",
                self.address.as_ref().map(|text| json!([{"text": text}])),
            );
        (id, it.build())
    }
}

fn name(first: Option<&String>, last: Option<&String>) -> Value {
    object([
        ("use", Some(json!("official"))),
        ("family", given(last)),
        ("given", first.map(|first| json!([first]))),
    ])
}

/// An identifier that the clinic keeps.
fn number(kind: &str, system: &str, value: &str) -> Value {
    json!({
        "use": "usual",
        "type": {"coding": [{"system": IDENTIFIER_TYPE, "code": kind}]},
        "system": system,
        "value": value,
    })
}

impl Chart {
    /// The patient, without the clinical parts of their chart. `user` is their account.
    pub(super) fn patient(&self, patient: &Patient, user: Option<&User>) -> Value {
        let mut it = Builder::new("Patient", patient.id.into());
        let telecom = user.map(telecom).unwrap_or_default();
        let place = user.and_then(|user| user.address.as_ref());
        let place = place.map(|Jsonb(place)| {
            let mut place = address(place);
            place["use"] = json!("home");
            json!([place])
        });
        let preferences = user.and_then(|user| user.preferences.as_ref());
        let language = preferences.and_then(|Jsonb(it)| it.language.as_ref());
        let language = language.map(|code| {
            let language = json!({"coding": [{"system": LANGUAGE, "code": code}]});
            json!([{"language": language, "preferred": true}])
        });
        let contact = preferences.and_then(|Jsonb(it)| it.contact_method);
        let zone = preferences.and_then(|Jsonb(it)| it.time_zone.as_ref());
        let deceased = patient.deceased.as_ref();
        let died = deceased.map(|Jsonb(Deceased { at })| at.as_ref());
        let providers = patient.assigned_providers.iter();
        let providers = providers.filter_map(|id| self.reference(Some((*id).into())));
        let number = number(
            "MR",
            &self.clinic.numbers("patient-number"),
            &patient.patient_number,
        );
        it.profile("patient", true)
            .version(patient.updated_at, patient.version)
            .set("identifier", Some(json!([number])))
            .set(
                "active",
                user.map(|user| json!(user.status == UserStatus::Active)),
            )
            .set(
                "name",
                Some(json!([name(
                    patient.first_name.as_ref(),
                    patient.last_name.as_ref()
                )])),
            )
            .set("telecom", list(telecom))
            .set("gender", Some(json!(patient.gender)))
            .set("birthDate", Some(json!(patient.date_of_birth)))
            .set("deceasedDateTime", died.flatten().map(|at| json!(at)))
            .set(
                "deceasedBoolean",
                (died == Some(None)).then_some(json!(true)),
            )
            .set("address", place)
            .set("communication", language)
            .set("generalPractitioner", list(providers))
            .set(
                "managingOrganization",
                self.reference(Some(self.clinic.id())),
            )
            .extend("contact-method", "String", given(contact.as_ref()))
            .extend("time-zone", "String", given(zone))
            .extend("created-at", "DateTime", Some(json!(patient.created_at)))
            .custom_data(
                patient.custom_data.as_ref().map(|it| it.value()),
                patient.custom_data_version,
            );
        if let Some(data) = user.and_then(|user| user.custom_data.as_ref()) {
            let data = json!(data.value().to_string());
            it.extend("account-custom-data", "String", Some(data));
        }
        it.build()
    }

    /// The provider, and their role if it says more.
    pub(super) fn provider(&self, provider: &Provider) -> Vec<(Uuid, Value)> {
        let id: Uuid = provider.id.into();
        let mut it = Builder::new("Practitioner", id);
        let certifications = provider.certifications.iter();
        let certifications = certifications.flat_map(|Jsonb(certifications)| certifications);
        let number = number(
            "LN",
            &self.clinic.numbers("license-number"),
            &provider.license_number,
        );
        it.profile("practitioner", provider.last_name.is_some())
            .version(provider.updated_at, provider.version)
            .set("identifier", Some(json!([number])))
            .set(
                "name",
                Some(json!([name(
                    provider.first_name.as_ref(),
                    provider.last_name.as_ref()
                )])),
            )
            .set("qualification", list(certifications.map(qualification)))
            .custom_data(
                provider.custom_data.as_ref().map(|it| it.value()),
                provider.custom_data_version,
            );
        let mut resources = vec![(id, it.build())];
        if !provider.specialties.is_empty() {
            let id = part(id, "role");
            let mut it = Builder::new("PractitionerRole", id);
            let specialties = provider.specialties.iter();
            it.set("practitioner", Some(reference(provider.id.into())))
                .set("organization", self.reference(Some(self.clinic.id())))
                .set(
                    "specialty",
                    list(specialties.map(|specialty| json!({"text": specialty}))),
                );
            resources.push((id, it.build()));
        }
        resources
    }
}

/// The present ways to reach the user. The sign-in e-mail counts only if they sign in.
fn telecom(user: &User) -> Vec<Value> {
    let signs_in = user.subject.is_some();
    let email = user.notification_email.as_ref();
    let email = email.or(user.username.as_ref().filter(|_| signs_in));
    let ways = [("phone", user.phone.as_ref()), ("email", email)];
    let ways = ways
        .into_iter()
        .filter_map(|(system, value)| Some(json!({"system": system, "value": value?})));
    ways.collect()
}

fn qualification(certification: &Certification) -> Value {
    let Certification {
        name,
        issuer,
        identifier,
        issued_on,
        expires_on,
    } = certification;
    let period = object([
        ("start", given(issued_on.as_ref())),
        ("end", given(expires_on.as_ref())),
    ]);
    object([
        (
            "identifier",
            identifier.as_ref().map(|value| json!([{"value": value}])),
        ),
        ("code", Some(json!({"text": name}))),
        (
            "period",
            (issued_on.is_some() || expires_on.is_some()).then_some(period),
        ),
        (
            "issuer",
            issuer.as_ref().map(|issuer| json!({"display": issuer})),
        ),
    ])
}
