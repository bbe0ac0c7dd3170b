//! What stands in a chart was asserted by the source, with the same polarity, time and number, and for the same
//! patient. Whatever the source asserts is there.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use chrono::DateTime;
use import::plan::Plan;
use import::read;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const BASE: &str = "https://ehr.example.org/fhir";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Allergy,
    Condition,
    Procedure,
    Prescription,
    Measurement,
    Vaccination,
}

/// How a resource says that something isn't so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Negation {
    EnteredInError,
    Refuted,
    NotDone,
    DoNotPerform,
    Proposal,
    Plan,
    Draft,
    Subpotent,
    ModifierExtension,
    NestedModifierExtension,
    ImplicitRules,
}

impl Negation {
    const ALL: [Self; 11] = [
        Self::EnteredInError,
        Self::Refuted,
        Self::NotDone,
        Self::DoNotPerform,
        Self::Proposal,
        Self::Plan,
        Self::Draft,
        Self::Subpotent,
        Self::ModifierExtension,
        Self::NestedModifierExtension,
        Self::ImplicitRules,
    ];

    /// Whether R4 has this element for resources of this kind.
    fn fits(self, kind: Kind) -> bool {
        match self {
            Self::EnteredInError
            | Self::ModifierExtension
            | Self::NestedModifierExtension
            | Self::ImplicitRules => true,
            Self::Refuted => matches!(kind, Kind::Allergy | Kind::Condition),
            Self::NotDone => matches!(kind, Kind::Procedure | Kind::Vaccination),
            Self::DoNotPerform | Self::Proposal | Self::Plan | Self::Draft => {
                kind == Kind::Prescription
            }
            Self::Subpotent => kind == Kind::Vaccination,
        }
    }

    fn put_into(self, resource: &mut Value, kind: Kind) {
        let verification = |code: &str| json!({"coding": [{"code": code}]});
        match self {
            Self::EnteredInError if matches!(kind, Kind::Allergy | Kind::Condition) => {
                resource["verificationStatus"] = verification("entered-in-error");
            }
            Self::EnteredInError => resource["status"] = json!("entered-in-error"),
            Self::Refuted => resource["verificationStatus"] = verification("refuted"),
            Self::NotDone => resource["status"] = json!("not-done"),
            Self::DoNotPerform => resource["doNotPerform"] = json!(true),
            Self::Proposal => resource["intent"] = json!("proposal"),
            Self::Plan => resource["intent"] = json!("plan"),
            Self::Draft => resource["status"] = json!("draft"),
            Self::Subpotent => resource["isSubpotent"] = json!(true),
            Self::ModifierExtension => {
                resource["modifierExtension"] = json!([{"url": "http://example.org/not"}]);
            }
            Self::NestedModifierExtension => {
                resource["note"] = json!([{"text": "a note", "modifierExtension": [{"url": "http://example.org/not"}]}]);
            }
            Self::ImplicitRules => resource["implicitRules"] = json!("http://example.org/rules"),
        }
    }
}

/// One thing that the source says about a patient.
#[derive(Debug, Clone)]
struct Fact {
    kind: Kind,
    negation: Option<Negation>,
    patient: usize,
    /// The form of the reference to the patient.
    form: usize,
    time: String,
    number: String,
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let kind = select(vec![
        Kind::Allergy,
        Kind::Condition,
        Kind::Procedure,
        Kind::Prescription,
        Kind::Measurement,
        Kind::Vaccination,
    ]);
    let time = prop_oneof![
        (1990..2025i32).prop_map(|year| year.to_string()),
        (1990..2025i32, 1..13u32).prop_map(|(year, month)| format!("{year}-{month:02}")),
        (1990..2025i32, 1..13u32, 1..29u32)
            .prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}")),
        (
            1990..2025i32,
            1..13u32,
            1..29u32,
            0..24u32,
            select(vec!["Z", "+05:30", "-08:00"])
        )
            .prop_map(|(year, month, day, hour, zone)| format!(
                "{year}-{month:02}-{day:02}T{hour:02}:07:09{zone}"
            )),
    ];
    let number = ("[1-9][0-9]{0,8}", "(\\.[0-9]{1,6})?").prop_map(|(whole, rest)| whole + &rest);
    let negation = prop_oneof![
        2 => Just(None),
        3 => select(Negation::ALL.to_vec()).prop_map(Some),
    ];
    let fact = (kind, negation, 0..PATIENTS, 0..FORMS, time, number).prop_map(
        |(kind, negation, patient, form, time, number)| Fact {
            kind,
            negation: negation.filter(|negation| negation.fits(kind)),
            patient,
            form,
            time,
            number,
        },
    );
    prop::collection::vec(fact, 1..12)
}

const PATIENTS: usize = 3;
const FORMS: usize = 6;

/// A reference to the patient in one of the forms that R4 allows.
fn reference(patient: usize, form: usize) -> Value {
    match form {
        0 => json!({"reference": format!("Patient/{patient}")}),
        1 => json!({"reference": format!("{BASE}/Patient/{patient}")}),
        2 => json!({"reference": format!("Patient/{patient}/_history/2")}),
        3 => {
            json!({"reference": format!("Patient?identifier=http://example.org/mrn%7CMRN-{patient}")})
        }
        4 => {
            json!({"reference": format!("Patient?identifier=http://example.org/mrn|MRN-{patient}")})
        }
        _ => {
            json!({"type": "Patient", "identifier": {"system": "http://example.org/mrn", "value": format!("MRN-{patient}")}})
        }
    }
}

/// A number with all its digits.
fn digits(number: &str) -> Value {
    serde_json::from_str(number).unwrap()
}

fn resource(index: usize, fact: &Fact) -> Value {
    let code =
        json!({"coding": [{"system": "http://example.org/facts", "code": index.to_string()}]});
    let amount = json!({"value": digits(&fact.number), "unit": "mg"});
    let mut resource = match fact.kind {
        Kind::Allergy => {
            json!({"resourceType": "AllergyIntolerance", "code": code, "onsetDateTime": fact.time})
        }
        Kind::Condition => {
            json!({"resourceType": "Condition", "code": code, "onsetDateTime": fact.time})
        }
        Kind::Procedure => json!({"resourceType": "Procedure", "status": "completed", "code": code,
            "performedDateTime": fact.time}),
        Kind::Prescription => {
            json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationCodeableConcept": code, "authoredOn": fact.time,
            "dosageInstruction": [{"doseAndRate": [{"doseQuantity": amount}]}]})
        }
        Kind::Measurement => json!({"resourceType": "Observation", "status": "final", "code": code,
            "effectiveDateTime": fact.time, "valueQuantity": amount}),
        Kind::Vaccination => {
            json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": code,
            "occurrenceDateTime": fact.time, "doseQuantity": amount})
        }
    };
    let subject = match fact.kind {
        Kind::Allergy | Kind::Vaccination => "patient",
        _ => "subject",
    };
    resource[subject] = reference(fact.patient, fact.form);
    if let Some(negation) = fact.negation {
        negation.put_into(&mut resource, fact.kind);
    }
    resource
}

fn bundle(facts: &[Fact]) -> Value {
    let people = (0..PATIENTS).map(|patient| {
        json!({"fullUrl": format!("{BASE}/Patient/{patient}"), "resource": {
            "resourceType": "Patient", "id": patient.to_string(), "birthDate": "1950",
            "name": [{"family": "Example", "given": [format!("Ada {patient}")]}],
            "identifier": [{"system": "http://example.org/mrn", "value": format!("MRN-{patient}")}]
        }})
    });
    let practitioner = json!({"fullUrl": format!("{BASE}/Practitioner/d"), "resource": {
        "resourceType": "Practitioner", "name": [{"family": "Example", "given": ["Vera"]}], "identifier": [{"value": "370"}]
    }});
    let facts = facts.iter().enumerate().map(|(index, fact)| {
        json!({"fullUrl": format!("{BASE}/Basic/{index}"), "resource": resource(index, fact)})
    });
    let entries: Vec<_> = facts.chain([practitioner]).chain(people).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

/// What the plan puts into charts, by the code of the fact: the patient, and the content.
fn chart(plan: &Plan) -> BTreeMap<usize, (usize, Value)> {
    let of_patients = plan.patients.iter().enumerate().flat_map(|(patient, new)| {
        let parts = new.parts.iter();
        parts.map(move |(_, _, item)| (patient, item.clone()))
    });
    let records = plan.records.iter();
    let records = records.map(|record| (record.patient, record.body["content"].clone()));
    let found = of_patients.chain(records).map(|(patient, content)| {
        let coded = ["code", "medication", "vaccine"].into_iter();
        let code = coded
            .filter_map(|name| content[name]["code"].as_str())
            .next();
        (code.unwrap().parse().unwrap(), (patient, content))
    });
    found.collect()
}

/// The time as the API has it: in UTC, or a day, month or year.
fn in_utc(time: &str) -> Value {
    match DateTime::parse_from_rfc3339(time) {
        Ok(time) => json!(time.to_utc()),
        Err(_) => json!(time),
    }
}

proptest! {
    #[test]
    fn a_chart_says_what_the_source_asserts_and_nothing_else(facts in facts()) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bundle.json");
        std::fs::write(&file, bundle(&facts).to_string()).unwrap();
        let plan = read(&file).unwrap();
        prop_assert!(plan.bad.is_empty(), "{:?}", plan.bad);
        // The bundle lists the patients in this order.
        let numbers: Vec<_> = plan.patients.iter().map(|new| new.patient["patient_number"].clone()).collect();
        let expected: Vec<_> = (0..PATIENTS).map(|patient| json!(format!("MRN-{patient}"))).collect();
        prop_assert_eq!(numbers, expected);

        let chart = chart(&plan);
        for (index, fact) in facts.iter().enumerate() {
            let Some((patient, content)) = chart.get(&index) else {
                prop_assert!(fact.negation.is_some(), "lost: {:?}", fact);
                let notes = plan.notes.iter();
                let mut notes = notes.filter(|note| note.entry == Some(index));
                prop_assert!(notes.any(|note| note.reason.ends_with("so it is left out")));
                continue;
            };
            prop_assert_eq!(fact.negation, None, "{:?}", content);
            prop_assert_eq!(*patient, fact.patient);
            let (time, number) = match fact.kind {
                Kind::Allergy | Kind::Condition => (&content["onset"], None),
                Kind::Procedure => (&content["performed_start"], None),
                Kind::Prescription => (
                    &content["authored_on"],
                    Some(&content["dosage_instruction"][0]["dose"]["quantity"]["value"]),
                ),
                Kind::Measurement => (&content["effective"], Some(&content["value"]["quantity"]["value"])),
                Kind::Vaccination => (&content["occurrence"], Some(&content["dose"]["value"])),
            };
            prop_assert_eq!(time, &in_utc(&fact.time));
            if let Some(number) = number {
                prop_assert_eq!(number.to_string(), fact.number.clone());
            }
        }
    }

    #[test]
    fn the_name_of_a_chart_is_never_a_former_one(
        names in prop::collection::vec(
            (select(vec!["official", "usual", "old", "maiden", "nickname"]), select(vec![None, Some("2010"), Some("2999-01-01")])),
            1..6,
        )
    ) {
        let is_present = |(usage, end): &(&str, Option<&str>)| {
            !["old", "maiden"].contains(usage) && *end != Some("2010")
        };
        let listed: Vec<_> = names.iter().enumerate().map(|(index, (usage, end))| {
            json!({"use": usage, "family": index.to_string(), "period": {"end": end}})
        }).collect();
        let patient = json!({"resourceType": "Patient", "birthDate": "1950-01", "name": listed,
            "identifier": [{"value": "MRN-1"}]});
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("patient.json");
        std::fs::write(&file, patient.to_string()).unwrap();
        let plan = read(&file).unwrap();
        match plan.patients.first() {
            None => prop_assert!(!names.iter().any(is_present), "{:?}", plan.bad),
            Some(new) => {
                let chosen: usize = new.user["last_name"].as_str().unwrap().parse().unwrap();
                prop_assert!(is_present(&names[chosen]));
                let has = |usage: &str| names.iter().any(|name| name.0 == usage && is_present(name));
                prop_assert!(names[chosen].0 == "official" || !has("official"));
            }
        }
    }
}
