//! The elements of FHIR R4 resources that Caretrail carries over. All other elements are ignored.
#![expect(
    missing_docs,
    reason = "FHIR R4 documents its elements: https://hl7.org/fhir/R4/resourcelist.html"
)]

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Number;
use serde_json::value::RawValue;

pub use crate::date_time::When;
use crate::parse::typed;

/// The elements that all resources about a patient share.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    pub resource_type: String,
    #[serde(alias = "patient")]
    subject: Option<Lenient<Reference>>,
    encounter: Option<Lenient<Reference>>,
    #[serde(alias = "lifecycleStatus")]
    status: Option<Lenient<String>>,
    verification_status: Option<Lenient<Concept>>,
    intent: Option<Lenient<String>>,
    do_not_perform: Option<Lenient<bool>>,
    implicit_rules: Option<IgnoredAny>,
}

impl Frame {
    /// The `fullUrl` of its `subject` or `patient`.
    pub fn subject(&self) -> Option<&str> {
        self.subject
            .as_ref()?
            .known()
            .map(|reference| reference.reference.as_str())
    }

    /// The `fullUrl` of its `encounter`.
    pub fn encounter(&self) -> Option<&str> {
        self.encounter
            .as_ref()?
            .known()
            .map(|reference| reference.reference.as_str())
    }

    /// Its `status`, or the `lifecycleStatus` of a Goal.
    pub(crate) fn status(&self) -> Option<&str> {
        self.status.as_ref()?.known().map(String::as_str)
    }

    /// The code of its `verificationStatus`.
    pub(crate) fn verification_status(&self) -> Option<&str> {
        let concept = self.verification_status.as_ref()?.known()?;
        concept
            .coding
            .iter()
            .find_map(|coding| coding.code.as_deref())
    }

    /// Its `intent`.
    pub(crate) fn intent(&self) -> Option<&str> {
        self.intent.as_ref()?.known().map(String::as_str)
    }

    /// Whether its `doNotPerform` is true.
    pub(crate) fn must_not_be_performed(&self) -> bool {
        self.do_not_perform.as_ref().and_then(Lenient::known) == Some(&true)
    }

    /// Whether it names rules by which it must be read.
    pub(crate) fn has_implicit_rules(&self) -> bool {
        self.implicit_rules.is_some()
    }
}

/// An element that other resource types may have in another shape.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Known(T),
    Other(IgnoredAny),
}

impl<T> Lenient<T> {
    fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}

/// A resource of a type that is carried over.
#[derive(Debug)]
pub enum Resource {
    Patient(Patient),
    Practitioner(Practitioner),
    Organization(Organization),
    Encounter(Encounter),
    Allergy(AllergyIntolerance),
    Goal(Goal),
    Condition(Condition),
    Procedure(Procedure),
    /// The component holds its own code and value.
    Observation(Observation, Component),
    Report(DiagnosticReport),
    Medication(MedicationRequest),
    Immunization(Immunization),
    CarePlan(CarePlan),
    Imaging(ImagingStudy),
}

impl Resource {
    /// Parses the resource in `raw`. `None`: its type isn't carried over.
    pub fn parse(frame: &Frame, raw: &RawValue) -> Option<Result<Self, String>> {
        Some(match frame.resource_type.as_str() {
            "Patient" => typed(raw).map(Self::Patient),
            "Practitioner" => typed(raw).map(Self::Practitioner),
            "Organization" => typed(raw).map(Self::Organization),
            "Encounter" => typed(raw).map(Self::Encounter),
            "AllergyIntolerance" => typed(raw).map(Self::Allergy),
            "Goal" => typed(raw).map(Self::Goal),
            "Condition" => typed(raw).map(Self::Condition),
            "Procedure" => typed(raw).map(Self::Procedure),
            "Observation" => {
                typed(raw).and_then(|observation| Ok(Self::Observation(observation, typed(raw)?)))
            }
            "DiagnosticReport" => typed(raw).map(Self::Report),
            "MedicationRequest" => typed(raw).map(Self::Medication),
            "Immunization" => typed(raw).map(Self::Immunization),
            "CarePlan" => typed(raw).map(Self::CarePlan),
            "ImagingStudy" => typed(raw).map(Self::Imaging),
            _ => return None,
        })
    }
}

macro_rules! resources {
    ($($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })+) => {$(
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($(#[$attribute])* pub $field: $type,)* }
    )+};
}

resources! {
    Reference { reference: String, display: Option<String>, }
    Coding { system: Option<String>, code: Option<String>, display: Option<String>, }
    Concept { #[serde(default)] coding: Vec<Coding>, text: Option<String>, }
    Period { start: When, end: Option<When>, }
    Quantity {
        value: Option<Number>,
        comparator: Option<String>,
        unit: Option<String>,
        code: Option<String>,
    }
    Validity { end: Option<When>, }
    Identifier {
        r#use: Option<String>,
        period: Option<Validity>,
        system: Option<String>,
        value: Option<String>,
        r#type: Option<Concept>,
    }
    HumanName {
        r#use: Option<String>,
        period: Option<Validity>,
        family: Option<String>,
        #[serde(default)] given: Vec<String>,
    }
    Address {
        r#use: Option<String>,
        period: Option<Validity>,
        #[serde(default)] line: Vec<String>,
        city: Option<String>,
        state: Option<String>,
        postal_code: Option<String>,
        country: Option<String>,
    }
    Telecom {
        r#use: Option<String>,
        period: Option<Validity>,
        rank: Option<u32>,
        system: Option<String>,
        value: Option<String>,
    }
    Communication { language: Concept, preferred: Option<bool>, }
    Link { other: Reference, r#type: String, }

    Patient {
        identifier: Vec<Identifier>,
        name: Vec<HumanName>,
        birth_date: NaiveDate,
        gender: Option<Gender>,
        #[serde(default)] address: Vec<Address>,
        #[serde(default)] telecom: Vec<Telecom>,
        #[serde(default)] communication: Vec<Communication>,
        deceased_date_time: Option<When>,
        deceased_boolean: Option<bool>,
        active: Option<bool>,
        #[serde(default)] link: Vec<Link>,
    }
    Practitioner {
        identifier: Vec<Identifier>,
        name: Vec<HumanName>,
        #[serde(default)] address: Vec<Address>,
        #[serde(default)] telecom: Vec<Telecom>,
    }
    Organization { name: Option<String>, #[serde(default)] address: Vec<Address>, }
    Encounter {
        status: String,
        class: Coding,
        #[serde(default)] r#type: Vec<Concept>,
        #[serde(default)] reason_code: Vec<Concept>,
        #[serde(default)] participant: Vec<Participant>,
        period: Period,
        service_provider: Option<Reference>,
    }
    Participant { individual: Option<Reference>, }
    AllergyIntolerance {
        code: Concept,
        #[serde(default)] category: Vec<AllergyCategory>,
        criticality: Option<Criticality>,
        clinical_status: Option<Concept>,
        verification_status: Option<Concept>,
        recorded_date: Option<When>,
    }
    Goal { description: Concept, lifecycle_status: String, #[serde(default)] target: Vec<Target>, }
    Target { due_date: Option<NaiveDate>, }
    Condition {
        code: Concept,
        clinical_status: Option<Concept>,
        verification_status: Option<Concept>,
        onset_date_time: Option<When>,
        abatement_date_time: Option<When>,
    }
    Procedure {
        status: String,
        code: Concept,
        performed_period: Option<Period>,
        performed_date_time: Option<When>,
        #[serde(default)] reason_reference: Vec<Reference>,
        #[serde(default)] reason_code: Vec<Concept>,
    }
    Observation {
        status: String,
        #[serde(default)] category: Vec<Concept>,
        effective_date_time: Option<When>,
        effective_period: Option<Period>,
        #[serde(default)] component: Vec<Component>,
    }
    Component {
        code: Concept,
        value_quantity: Option<Quantity>,
        value_codeable_concept: Option<Concept>,
        value_string: Option<String>,
        value_boolean: Option<bool>,
        value_integer: Option<Number>,
        value_range: Option<IgnoredAny>,
        value_ratio: Option<IgnoredAny>,
        value_sampled_data: Option<IgnoredAny>,
        value_time: Option<IgnoredAny>,
        value_date_time: Option<IgnoredAny>,
        value_period: Option<IgnoredAny>,
    }
    DiagnosticReport {
        status: String,
        code: Concept,
        #[serde(default)] category: Vec<Concept>,
        effective_date_time: Option<When>,
        effective_period: Option<Period>,
        #[serde(default)] result: Vec<Reference>,
    }
    MedicationRequest {
        status: String,
        medication_codeable_concept: Concept,
        authored_on: Option<When>,
        requester: Option<Reference>,
        #[serde(default)] dosage_instruction: Vec<Dosage>,
        #[serde(default)] reason_reference: Vec<Reference>,
    }
    Dosage {
        text: Option<String>,
        timing: Option<Timing>,
        as_needed_boolean: Option<bool>,
        #[serde(default)] dose_and_rate: Vec<DoseAndRate>,
        #[serde(default)] additional_instruction: Vec<Concept>,
    }
    Timing { repeat: Option<Repeat>, }
    Repeat { frequency: Option<Number>, period: Option<Number>, period_unit: Option<String>, }
    DoseAndRate { dose_quantity: Option<Quantity>, }
    Immunization { status: String, vaccine_code: Concept, occurrence_date_time: Option<When>, }
    CarePlan {
        status: String,
        category: Vec<Concept>,
        period: Option<Period>,
        #[serde(default)] activity: Vec<Activity>,
        #[serde(default)] addresses: Vec<Reference>,
    }
    Activity { detail: Option<ActivityDetail>, }
    ActivityDetail {
        code: Option<Concept>,
        status: Option<String>,
        do_not_perform: Option<bool>,
    }
    ImagingStudy {
        started: Option<When>,
        description: Option<String>,
        number_of_instances: Option<u32>,
        #[serde(default)] series: Vec<Series>,
    }
    Series {
        modality: Option<Coding>,
        body_site: Option<Coding>,
        #[serde(default)] instance: Vec<Instance>,
    }
    Instance { title: Option<String>, }
}

impl Component {
    /// Whether its value has a type that the API has no place for.
    pub fn has_another_value(&self) -> bool {
        let others = [
            &self.value_range,
            &self.value_ratio,
            &self.value_sampled_data,
            &self.value_time,
            &self.value_date_time,
            &self.value_period,
        ];
        others.iter().any(|value| value.is_some())
    }
}

macro_rules! codes {
    ($($name:ident { $($variant:ident),+ })+) => {$(
        #[derive(Debug, Clone, Copy, Deserialize, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($variant),+ }
    )+};
}

codes! {
    Gender { Male, Female, Other, Unknown }
    AllergyCategory { Food, Medication, Environment, Biologic }
    Criticality { Low, High, UnableToAssess }
}
