//! The elements of FHIR R4 resources that Caretrail carries over. All other elements are ignored.
#![expect(
    missing_docs,
    reason = "FHIR R4 documents its elements: https://hl7.org/fhir/R4/resourcelist.html"
)]

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;

pub use crate::date_time::{Date, When};
use crate::parse::{beyond_both, typed_with_rest};

/// The elements that all resources about a patient share.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    pub resource_type: String,
    id: Option<String>,
    #[serde(default)]
    pub(crate) contained: Vec<Box<RawValue>>,
    identifier: Option<Lenient<Vec<Identifier>>>,
    #[serde(alias = "patient")]
    subject: Option<Lenient<Reference>>,
    encounter: Option<Lenient<Reference>>,
    #[serde(alias = "lifecycleStatus")]
    status: Option<Lenient<String>>,
    verification_status: Option<Lenient<Concept>>,
    intent: Option<Lenient<String>>,
    do_not_perform: Option<Lenient<bool>>,
    is_subpotent: Option<Lenient<bool>>,
    implicit_rules: Option<IgnoredAny>,
}

impl Frame {
    /// Parses the frame of a resource. Also returns the paths of the elements that aren't part of it.
    pub(crate) fn parse(raw: &RawValue) -> Result<(Self, Vec<String>), String> {
        typed_with_rest(raw)
    }

    /// Its `id`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Its identifiers.
    pub(crate) fn identifiers(&self) -> &[Identifier] {
        let known = self.identifier.as_ref().and_then(Lenient::known);
        known.map_or(&[], Vec::as_slice)
    }

    /// Its `subject` or `patient`.
    pub fn subject(&self) -> Option<&Reference> {
        self.subject.as_ref()?.known()
    }

    /// Its `encounter`.
    pub fn encounter(&self) -> Option<&Reference> {
        self.encounter.as_ref()?.known()
    }

    /// Its `status`, or the `lifecycleStatus` of a Goal.
    pub(crate) fn status(&self) -> Option<&str> {
        self.status.as_ref()?.known().map(String::as_str)
    }

    /// Whether a coding of its `verificationStatus` has this code.
    pub(crate) fn is_verified_as(&self, code: &str) -> bool {
        let concept = self.verification_status.as_ref().and_then(Lenient::known);
        let codings = concept.into_iter().flat_map(|concept| &concept.coding);
        codings
            .into_iter()
            .any(|coding| coding.code.as_deref() == Some(code))
    }

    /// Its `intent`.
    pub(crate) fn intent(&self) -> Option<&str> {
        self.intent.as_ref()?.known().map(String::as_str)
    }

    /// Whether its `doNotPerform` is true.
    pub(crate) fn must_not_be_performed(&self) -> bool {
        self.do_not_perform.as_ref().and_then(Lenient::known) == Some(&true)
    }

    /// Whether its `isSubpotent` is true: a dose that was too small to protect.
    pub(crate) fn is_subpotent(&self) -> bool {
        self.is_subpotent.as_ref().and_then(Lenient::known) == Some(&true)
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
    PractitionerRole(PractitionerRole),
    Organization(Organization),
    Location(Location),
    Encounter(Encounter),
    Allergy(AllergyIntolerance),
    Goal(Goal),
    Condition(Condition),
    Procedure(Procedure),
    /// The component holds its own code and value.
    Observation(Observation, Component),
    Report(DiagnosticReport),
    Prescription(MedicationRequest),
    Medication(Medication),
    Specimen(Specimen),
    Immunization(Immunization),
    CarePlan(CarePlan),
    Imaging(ImagingStudy),
}

impl Resource {
    /// Parses the resource in `raw`, with the paths of the elements that have no field. `None`: its type isn't carried
    /// over.
    pub(crate) fn parse(frame: &Frame, raw: &RawValue) -> Option<Parsed<Self>> {
        Some(match frame.resource_type.as_str() {
            "Patient" => parse(raw, Self::Patient),
            "Practitioner" => parse(raw, Self::Practitioner),
            "PractitionerRole" => parse(raw, Self::PractitionerRole),
            "Organization" => parse(raw, Self::Organization),
            "Location" => parse(raw, Self::Location),
            "Encounter" => parse(raw, Self::Encounter),
            "AllergyIntolerance" => parse(raw, Self::Allergy),
            "Goal" => parse(raw, Self::Goal),
            "Condition" => parse(raw, Self::Condition),
            "Procedure" => parse(raw, Self::Procedure),
            "Observation" => observation(raw),
            "DiagnosticReport" => parse(raw, Self::Report),
            "MedicationRequest" => parse(raw, Self::Prescription),
            "Medication" => parse(raw, Self::Medication),
            "Specimen" => parse(raw, Self::Specimen),
            "Immunization" => parse(raw, Self::Immunization),
            "CarePlan" => parse(raw, Self::CarePlan),
            "ImagingStudy" => parse(raw, Self::Imaging),
            _ => return None,
        })
    }
}

type Parsed<T> = Result<(T, Vec<String>), String>;

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue, of: fn(T) -> Resource) -> Parsed<Resource> {
    typed_with_rest(raw).map(|(resource, rest)| (of(resource), rest))
}

fn observation(raw: &RawValue) -> Parsed<Resource> {
    let (observation, beyond) = typed_with_rest(raw)?;
    let (itself, beyond_itself) = typed_with_rest(raw)?;
    let resource = Resource::Observation(observation, itself);
    Ok((resource, beyond_both(beyond, beyond_itself)))
}

/// The values of a list of primitives. An item of which only extensions are known is null
/// (<https://hl7.org/fhir/R4/json.html#primitive>).
fn known<'de, D: Deserializer<'de>, T: Deserialize<'de>>(list: D) -> Result<Vec<T>, D::Error> {
    let items = Vec::<Option<T>>::deserialize(list)?;
    Ok(items.into_iter().flatten().collect())
}

macro_rules! resources {
    ($($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })+) => {$(
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($(#[$attribute])* pub $field: $type,)* }
    )+};
}

resources! {
    Reference {
        reference: Option<String>,
        r#type: Option<String>,
        identifier: Option<Box<Identifier>>,
        display: Option<String>,
    }
    Coding {
        system: Option<String>,
        code: Option<String>,
        display: Option<String>,
        user_selected: Option<bool>,
    }
    Concept { #[serde(default)] coding: Vec<Coding>, text: Option<String>, }
    Period { start: Option<When>, end: Option<When>, }
    Quantity {
        value: Option<Number>,
        comparator: Option<String>,
        unit: Option<String>,
        system: Option<String>,
        code: Option<String>,
    }
    Range { low: Option<Quantity>, high: Option<Quantity>, }
    Ratio { numerator: Option<Quantity>, denominator: Option<Quantity>, }
    Annotation { text: Option<String>, }
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
        text: Option<String>,
        family: Option<String>,
        #[serde(default, deserialize_with = "known")] given: Vec<String>,
    }
    Address {
        r#use: Option<String>,
        period: Option<Validity>,
        #[serde(default, deserialize_with = "known")] line: Vec<String>,
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
        #[serde(default)] identifier: Vec<Identifier>,
        #[serde(default)] name: Vec<HumanName>,
        birth_date: Option<Date>,
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
        #[serde(default)] identifier: Vec<Identifier>,
        #[serde(default)] name: Vec<HumanName>,
        #[serde(default)] address: Vec<Address>,
        #[serde(default)] telecom: Vec<Telecom>,
    }
    PractitionerRole { practitioner: Option<Reference>, }
    Organization { name: Option<String>, #[serde(default)] address: Vec<Address>, }
    Location { name: Option<String>, address: Option<Address>, }
    Medication { code: Option<Concept>, }
    Encounter {
        status: String,
        class: Coding,
        #[serde(default)] r#type: Vec<Concept>,
        #[serde(default)] reason_code: Vec<Concept>,
        #[serde(default)] participant: Vec<Participant>,
        period: Option<Period>,
        length: Option<Quantity>,
        service_provider: Option<Reference>,
        #[serde(default)] location: Vec<Place>,
    }
    Place { location: Option<Reference>, }
    Participant { individual: Option<Reference>, }
    AllergyIntolerance {
        code: Concept,
        r#type: Option<AllergyType>,
        #[serde(default, deserialize_with = "known")] category: Vec<AllergyCategory>,
        criticality: Option<Criticality>,
        clinical_status: Option<Concept>,
        verification_status: Option<Concept>,
        onset_date_time: Option<When>,
        recorded_date: Option<When>,
        #[serde(default)] reaction: Vec<Reaction>,
    }
    Reaction {
        #[serde(default)] manifestation: Vec<Concept>,
        severity: Option<Severity>,
        description: Option<String>,
    }
    Goal {
        description: Concept,
        lifecycle_status: String,
        start_date: Option<Date>,
        #[serde(default)] target: Vec<Target>,
    }
    Target { due_date: Option<Date>, }
    Condition {
        code: Concept,
        #[serde(default)] category: Vec<Concept>,
        clinical_status: Option<Concept>,
        verification_status: Option<Concept>,
        onset_date_time: Option<When>,
        onset_string: Option<String>,
        onset_age: Option<Quantity>,
        onset_range: Option<Range>,
        onset_period: Option<Period>,
        abatement_date_time: Option<When>,
        abatement_string: Option<String>,
        abatement_age: Option<Quantity>,
        abatement_range: Option<Range>,
        abatement_period: Option<Period>,
        recorded_date: Option<When>,
        #[serde(default)] note: Vec<Annotation>,
    }
    Procedure {
        status: String,
        status_reason: Option<Concept>,
        code: Concept,
        performed_period: Option<Period>,
        performed_date_time: Option<When>,
        performed_string: Option<String>,
        performed_age: Option<Quantity>,
        performed_range: Option<Range>,
        #[serde(default)] reason_reference: Vec<Reference>,
        #[serde(default)] reason_code: Vec<Concept>,
        #[serde(default)] note: Vec<Annotation>,
    }
    Observation {
        status: String,
        #[serde(default)] category: Vec<Concept>,
        effective_date_time: Option<When>,
        effective_instant: Option<When>,
        effective_period: Option<Period>,
        issued: Option<When>,
        specimen: Option<Reference>,
        #[serde(default)] component: Vec<Component>,
        #[serde(default)] note: Vec<Annotation>,
    }
    Component {
        code: Concept,
        value_quantity: Option<Quantity>,
        value_codeable_concept: Option<Concept>,
        value_string: Option<String>,
        value_boolean: Option<bool>,
        value_integer: Option<Number>,
        value_range: Option<Range>,
        value_ratio: Option<Ratio>,
        value_sampled_data: Option<IgnoredAny>,
        value_time: Option<String>,
        value_date_time: Option<When>,
        value_period: Option<Period>,
        data_absent_reason: Option<Concept>,
        #[serde(default)] interpretation: Vec<Concept>,
        #[serde(default)] reference_range: Vec<ReferenceRange>,
    }
    ReferenceRange {
        low: Option<Quantity>,
        high: Option<Quantity>,
        r#type: Option<Concept>,
        text: Option<String>,
    }
    Specimen { r#type: Option<Concept>, }
    DiagnosticReport {
        status: String,
        code: Concept,
        #[serde(default)] category: Vec<Concept>,
        effective_date_time: Option<When>,
        effective_period: Option<Period>,
        issued: Option<When>,
        #[serde(default)] result: Vec<Reference>,
        conclusion: Option<String>,
    }
    MedicationRequest {
        status: String,
        intent: Option<String>,
        #[serde(default)] category: Vec<Concept>,
        reported_boolean: Option<bool>,
        medication_codeable_concept: Option<Concept>,
        medication_reference: Option<Reference>,
        authored_on: Option<When>,
        requester: Option<Reference>,
        #[serde(default)] dosage_instruction: Vec<Dosage>,
        #[serde(default)] reason_reference: Vec<Reference>,
        #[serde(default)] reason_code: Vec<Concept>,
        dispense_request: Option<DispenseRequest>,
        #[serde(default)] note: Vec<Annotation>,
    }
    DispenseRequest { quantity: Option<Quantity>, number_of_repeats_allowed: Option<u32>, }
    Dosage {
        sequence: Option<i64>,
        text: Option<String>,
        patient_instruction: Option<String>,
        #[serde(default)] additional_instruction: Vec<Concept>,
        timing: Option<Timing>,
        as_needed_boolean: Option<bool>,
        as_needed_codeable_concept: Option<Concept>,
        site: Option<Concept>,
        route: Option<Concept>,
        #[serde(default)] dose_and_rate: Vec<DoseAndRate>,
        max_dose_per_period: Option<Ratio>,
        max_dose_per_administration: Option<Quantity>,
    }
    Timing { code: Option<Concept>, repeat: Option<Repeat>, }
    Repeat {
        bounds_duration: Option<Quantity>,
        bounds_range: Option<Range>,
        bounds_period: Option<Period>,
        count: Option<u32>,
        count_max: Option<u32>,
        frequency: Option<u32>,
        frequency_max: Option<u32>,
        period: Option<Number>,
        period_max: Option<Number>,
        period_unit: Option<String>,
        #[serde(default, deserialize_with = "known")] day_of_week: Vec<String>,
        #[serde(default, deserialize_with = "known")] time_of_day: Vec<String>,
        #[serde(default, deserialize_with = "known")] when: Vec<String>,
        offset: Option<u32>,
    }
    DoseAndRate {
        dose_quantity: Option<Quantity>,
        dose_range: Option<Range>,
        rate_quantity: Option<Quantity>,
        rate_range: Option<Range>,
        rate_ratio: Option<Ratio>,
    }
    Immunization {
        status: String,
        status_reason: Option<Concept>,
        vaccine_code: Concept,
        occurrence_date_time: Option<When>,
        occurrence_string: Option<String>,
        primary_source: Option<bool>,
        dose_quantity: Option<Quantity>,
        lot_number: Option<String>,
        expiration_date: Option<Date>,
        manufacturer: Option<Reference>,
        site: Option<Concept>,
        route: Option<Concept>,
        location: Option<Reference>,
        #[serde(default)] note: Vec<Annotation>,
    }
    CarePlan {
        status: String,
        intent: Option<String>,
        title: Option<String>,
        description: Option<String>,
        #[serde(default)] category: Vec<Concept>,
        period: Option<Period>,
        #[serde(default)] activity: Vec<Activity>,
        #[serde(default)] addresses: Vec<Reference>,
        #[serde(default)] note: Vec<Annotation>,
    }
    Activity { detail: Option<ActivityDetail>, }
    ActivityDetail {
        code: Option<Concept>,
        status: Option<String>,
        do_not_perform: Option<bool>,
        description: Option<String>,
    }
    ImagingStudy {
        started: Option<When>,
        description: Option<String>,
        number_of_instances: Option<u32>,
        #[serde(default)] series: Vec<Series>,
        #[serde(default)] note: Vec<Annotation>,
    }
    Series {
        modality: Option<Coding>,
        body_site: Option<Coding>,
        #[serde(default)] instance: Vec<Instance>,
    }
    Instance { title: Option<String>, }
}

impl Component {
    /// The number of its values. FHIR allows one.
    pub(crate) fn values(&self) -> usize {
        let values = [
            self.value_quantity.is_some(),
            self.value_codeable_concept.is_some(),
            self.value_string.is_some(),
            self.value_boolean.is_some(),
            self.value_integer.is_some(),
            self.value_range.is_some(),
            self.value_ratio.is_some(),
            self.value_sampled_data.is_some(),
            self.value_time.is_some(),
            self.value_date_time.is_some(),
            self.value_period.is_some(),
        ];
        values.into_iter().filter(|is_there| *is_there).count()
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
    AllergyType { Allergy, Intolerance }
    Criticality { Low, High, UnableToAssess }
    Severity { Mild, Moderate, Severe }
}
