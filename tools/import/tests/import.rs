//! What a bundle becomes, and what is said of a bad one. Nothing is sent here.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use fhir::mapping::visits::Progress;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use import::plan::Plan;
use import::read;
use serde_json::{Value, json};

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/synthea-r4");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn shipped_one(name: &str) -> PathBuf {
    shipped()
        .into_iter()
        .find(|file| file.to_string_lossy().contains(name))
        .unwrap()
}

fn parsed(file: &Path) -> Value {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(file).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Types that become something of their own, or a part of the patient.
const CARRIED: [&str; 13] = [
    "Patient",
    "Practitioner",
    "Encounter",
    "Condition",
    "Procedure",
    "Observation",
    "DiagnosticReport",
    "MedicationRequest",
    "Immunization",
    "CarePlan",
    "ImagingStudy",
    "AllergyIntolerance",
    "Goal",
];

#[test]
fn every_entry_of_the_shipped_bundles_is_carried_over_or_counted() {
    for file in shipped() {
        let plan = read(&file).unwrap();
        assert!(plan.bad.is_empty(), "{:?}", plan.bad);

        let patient = &plan.patients[0];
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::from([("Patient", 1)]);
        let origins = (plan.providers.iter().map(|new| &new.origin))
            .chain(plan.visits.iter().map(|new| &new.origin))
            .chain(plan.records.iter().map(|new| &new.origin))
            .chain(patient.parts.iter().map(|(origin, ..)| origin));
        origins.for_each(|origin| *kinds.entry(&origin.kind).or_default() += 1);
        plan.aside
            .iter()
            .for_each(|kind| *kinds.entry(kind).or_default() += 1);

        let bundle = parsed(&file);
        let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in bundle["entry"].as_array().unwrap() {
            *expected
                .entry(entry["resource"]["resourceType"].as_str().unwrap())
                .or_default() += 1;
        }
        assert_eq!(kinds, expected, "{}", file.display());
        assert!(
            plan.aside
                .iter()
                .all(|kind| !CARRIED.contains(&kind.as_str()))
        );
    }
}

#[test]
fn numbers_and_times_are_those_of_the_bundle() {
    for file in shipped() {
        let bundle = parsed(&file);
        let plan = read(&file).unwrap();
        for record in &plan.records {
            let resource = &bundle["entry"][record.origin.entry]["resource"];
            let content = &record.body["content"];
            if let Some(value) = resource["valueQuantity"].get("value") {
                assert_eq!(&content["value"]["quantity"]["value"], value);
            }
            if let Some(time) = resource["effectiveDateTime"].as_str() {
                let expected: DateTime<Utc> = time.parse().unwrap();
                assert_eq!(content["effective"], json!(expected));
            }
        }
    }
}

#[test]
fn numbers_survive_to_the_last_digit() {
    for file in shipped() {
        let mut text = String::new();
        GzDecoder::new(std::fs::File::open(&file).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        for literal in text.split("\"value\":").skip(1) {
            let literal = literal
                .trim_start()
                .split([',', '}', '\n'])
                .next()
                .unwrap()
                .trim();
            let Ok(number) = literal.parse::<f64>() else {
                continue;
            };
            let read: Value = serde_json::from_str(literal).unwrap();
            assert_eq!(read.as_f64(), Some(number), "{literal}");
        }
    }
}

#[test]
fn the_patient_comes_with_allergies_goals_and_an_address_at_example_org() {
    let plan = read(&shipped_one("Karena")).unwrap();
    let patient = plan.patients.into_iter().next().unwrap();
    assert_eq!(patient.patient["allergies"].as_array().unwrap().len(), 6);
    assert_eq!(
        patient.patient["allergies"][0]["code"],
        json!({"system": "http://snomed.info/sct", "code": "419474003", "display": "Allergy to mould"})
    );
    assert!(patient.person.email.starts_with("karena.pfeffer."));
    assert!(patient.person.email.ends_with("@example.org"));
    assert_eq!(patient.user["role"], "PATIENT");
    assert_eq!(patient.user["subject"], json!(patient.person.id));

    let plan = read(&shipped_one("Cameron")).unwrap();
    let goals = plan.patients[0].patient["health_goals"].clone();
    assert_eq!(
        goals[0],
        json!({"description": "Hemoglobin A1c total in Blood < 7.0", "status": "accepted"})
    );
}

#[test]
fn the_same_person_has_the_same_id_in_every_bundle() {
    let in_bundle = |name| {
        let plan = read(&shipped_one(name)).unwrap();
        plan.providers
            .into_iter()
            .map(|new| (new.person, new.provider))
            .collect::<Vec<_>>()
    };
    let (one, other) = (in_bundle("Cameron"), in_bundle("Shavonne"));
    assert!(
        one.contains(&other[0]),
        "the practitioner whom the two patients share"
    );
}

#[test]
fn a_stay_of_two_weeks_becomes_a_day_and_says_so() {
    let plan = read(&shipped_one("Karena")).unwrap();
    let long: Vec<_> = plan
        .visits
        .iter()
        .filter(|visit| visit.body["duration_minutes"] == 1440)
        .collect();
    assert_eq!(long.len(), 1);
    assert!(
        long[0].body["notes"]
            .as_str()
            .unwrap()
            .contains("Lasted until")
    );
    assert!(
        plan.notes
            .iter()
            .any(|note| note.reason.contains("20160 minutes"))
    );
}

#[test]
fn a_visit_without_a_practitioner_goes_to_the_first_and_a_death_is_carried_over() {
    let plan = read(&shipped_one("Tony")).unwrap();
    let reasons: Vec<_> = plan.notes.iter().map(|note| note.reason.as_str()).collect();
    assert!(
        reasons.contains(&"names no practitioner, so the first practitioner is used"),
        "{reasons:?}"
    );
    let bundle = parsed(&shipped_one("Tony"));
    let died = &bundle["entry"][0]["resource"]["deceasedDateTime"];
    let died: DateTime<Utc> = serde_json::from_value(died.clone()).unwrap();
    let deceased = &plan.patients[0].patient["deceased"];
    assert_eq!(*deceased, json!({"at": died}));
}

/// A shipped bundle, changed and written anew.
struct Changed {
    folder: tempfile::TempDir,
    bundle: Value,
}

impl Changed {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            bundle: parsed(&shipped_one("Karena")),
        }
    }

    /// The first entry of a type.
    fn first(&mut self, kind: &str) -> (usize, &mut Value) {
        let entries = self.bundle["entry"].as_array_mut().unwrap();
        let index = entries
            .iter()
            .position(|entry| entry["resource"]["resourceType"] == kind)
            .unwrap();
        (index, &mut entries[index])
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn plan(&self) -> Plan {
        read(&self.file("bundle.json", self.bundle.to_string().as_bytes())).unwrap()
    }

    /// What is said of the entry at `index`.
    fn said(&self, index: usize) -> String {
        let plan = self.plan();
        let said: Vec<_> = plan
            .bad
            .iter()
            .filter(|(origin, _)| origin.entry == index)
            .collect();
        let [(_, reason)] = said.as_slice() else {
            panic!("{:?}", plan.bad)
        };
        reason.clone()
    }
}

/// A type, what to spoil in the first entry of it, what is said then.
type Case = (&'static str, fn(&mut Value), &'static str);

#[test]
fn bad_entries_are_named_and_stop_nothing_else() {
    let whole = Changed::new().plan();
    let cases: [Case; 12] = [
        (
            "Observation",
            |it| *it = json!(7),
            ". isn't valid in FHIR R4",
        ),
        (
            "Observation",
            |it| drop(it.as_object_mut().unwrap().remove("resource")),
            "lacks resource",
        ),
        (
            "Observation",
            |it| it["resource"]["code"] = json!("heart"),
            "code isn't valid in FHIR R4",
        ),
        (
            "Observation",
            |it| it["resource"]["valueQuantity"]["value"] = json!("seven"),
            "valueQuantity.value isn't valid in FHIR R4",
        ),
        (
            "Observation",
            |it| drop(it["resource"].as_object_mut().unwrap().remove("subject")),
            "names no patient",
        ),
        (
            "Observation",
            |it| it["resource"]["subject"]["reference"] = json!("urn:uuid:0"),
            "is about a patient who isn't in the import",
        ),
        (
            "Observation",
            |it| it["resource"]["effectiveDateTime"] = json!("yesterday"),
            "effectiveDateTime isn't valid in FHIR R4",
        ),
        (
            "Observation",
            |it| it["resource"]["valueRatio"] = json!({}),
            "has more than one value[x]",
        ),
        (
            "Condition",
            |it| drop(it["resource"].as_object_mut().unwrap().remove("code")),
            "lacks code",
        ),
        (
            "Condition",
            |it| it["resource"]["code"] = json!({}),
            "code has neither a coding nor text",
        ),
        (
            "ImagingStudy",
            |it| it["resource"]["numberOfInstances"] = json!(-1),
            "numberOfInstances isn't valid in FHIR R4",
        ),
        (
            "AllergyIntolerance",
            |it| it["resource"]["criticality"] = json!("deadly"),
            "criticality isn't valid in FHIR R4",
        ),
    ];
    for (kind, change, expected) in cases {
        let mut changed = Changed::new();
        let (index, entry) = changed.first(kind);
        change(entry);
        assert_eq!(changed.said(index), expected);
        let plan = changed.plan();
        assert_eq!(plan.visits.len(), whole.visits.len(), "{expected}");
        assert!(plan.records.len() + 1 >= whole.records.len(), "{expected}");
        assert_eq!(plan.entries, whole.entries);
    }
}

#[test]
fn nothing_of_a_value_is_in_what_is_said_of_it() {
    let mut changed = Changed::new();
    let (patient, entry) = changed.first("Patient");
    entry["resource"]["birthDate"] = json!("Very Secret");
    assert_eq!(changed.said(patient), "birthDate isn't valid in FHIR R4");
    let (allergy, _) = changed.first("AllergyIntolerance");
    assert_eq!(changed.said(allergy), "its patient can't be imported");
}

#[test]
fn the_records_of_a_visit_that_cannot_be_imported_stand_alone() {
    let mut changed = Changed::new();
    let (index, encounter) = changed.first("Encounter");
    encounter["resource"]["period"] =
        json!({"start": "2010-01-02T00:00:00Z", "end": "2010-01-01T00:00:00Z"});
    let url = encounter["fullUrl"].clone();
    assert_eq!(changed.said(index), "ends before it begins");

    let entries = changed.bundle["entry"].as_array().unwrap();
    let of_visit = entries.iter().enumerate().filter(|(_, entry)| {
        entry["resource"]["encounter"]["reference"] == url
            && CARRIED.contains(&entry["resource"]["resourceType"].as_str().unwrap())
    });
    let of_visit: Vec<_> = of_visit.map(|(index, _)| index).collect();
    assert!(!of_visit.is_empty());
    let plan = changed.plan();
    for index in of_visit {
        let record = plan.records.iter().find(|it| it.origin.entry == index);
        assert_eq!(record.unwrap().visit, None);
        let notes = plan.notes.iter();
        let mut notes = notes.filter(|note| note.entry == Some(index));
        assert!(notes.any(|note| note.reason == "belongs to a visit that is not carried over"));
    }
}

#[test]
fn what_refers_to_something_outside_is_kept_with_a_note() {
    let cases: [Case; 4] = [
        (
            "Observation",
            |it| it["resource"]["encounter"]["reference"] = json!("urn:uuid:0"),
            "refers to a resource of type Encounter that isn't in the import",
        ),
        (
            "MedicationRequest",
            |it| it["resource"]["requester"]["reference"] = json!("urn:uuid:0"),
            "names no practitioner who is in the import, so the first practitioner is used",
        ),
        (
            "Encounter",
            |it| {
                it["resource"]["participant"][0]["individual"] =
                    json!({"display": "Dr. Vera Example"})
            },
            "names no practitioner who is in the import, so the first practitioner is used",
        ),
        (
            "Procedure",
            |it| it["resource"]["reasonReference"] = json!([{"reference": "Condition/9"}]),
            "refers to a resource of type Condition that isn't in the import",
        ),
    ];
    for (kind, change, expected) in cases {
        let mut changed = Changed::new();
        let (index, entry) = changed.first(kind);
        change(entry);
        let plan = changed.plan();
        assert!(plan.bad.is_empty(), "{:?}", plan.bad);
        let notes = plan.notes.iter();
        let notes = notes.filter(|note| note.entry == Some(index));
        let notes: Vec<_> = notes.map(|note| note.reason.as_str()).collect();
        assert!(notes.contains(&expected), "{notes:?}");
    }
}

#[test]
fn a_visit_that_is_finished_before_it_begins_is_refused() {
    let mut changed = Changed::new();
    let (index, encounter) = changed.first("Encounter");
    encounter["resource"]["period"] =
        json!({"start": "2999-01-01T00:00:00Z", "end": "2999-01-01T00:10:00Z"});
    assert_eq!(changed.said(index), "is finished before it begins");
    let (_, encounter) = changed.first("Encounter");
    encounter["resource"]["status"] = json!("planned");
    let plan = changed.plan();
    assert!(plan.bad.is_empty(), "{:?}", plan.bad);
    assert_eq!(
        plan.visits
            .iter()
            .filter(|visit| visit.progress == Progress::Planned)
            .count(),
        1
    );
}

#[test]
fn a_visit_is_carried_over_with_what_became_of_it() {
    for (status, progress) in [
        ("planned", Progress::Planned),
        ("arrived", Progress::Arrived),
        ("checked-in", Progress::Arrived),
        ("triaged", Progress::Arrived),
        ("in-progress", Progress::Arrived),
        ("onleave", Progress::Arrived),
        ("finished", Progress::Finished),
        ("fulfilled", Progress::Finished),
        ("noshow", Progress::Missed),
    ] {
        let mut changed = Changed::new();
        let (index, encounter) = changed.first("Encounter");
        encounter["resource"]["status"] = json!(status);
        let plan = changed.plan();
        assert!(plan.bad.is_empty(), "{:?}", plan.bad);
        let visit = plan.visits.iter().find(|visit| visit.origin.entry == index);
        assert_eq!(visit.unwrap().progress, progress, "{status}");
    }
}

#[test]
fn what_should_not_have_been_recorded_is_not_imported() {
    let mut changed = Changed::new();
    let (observation, entry) = changed.first("Observation");
    entry["resource"]["status"] = json!("entered-in-error");
    let (condition, entry) = changed.first("Condition");
    entry["resource"]["verificationStatus"]["coding"][0]["code"] = json!("entered-in-error");
    let plan = changed.plan();
    assert!(plan.bad.is_empty(), "{:?}", plan.bad);
    assert!(
        plan.records
            .iter()
            .all(|record| ![observation, condition].contains(&record.origin.entry))
    );
    assert!(plan.aside.iter().any(|kind| kind == "Condition"));
    // What an earlier import made of them can be found by their identifiers.
    let withdrawn: Vec<_> = (plan.withdrawn.iter())
        .map(|former| former.origin.entry)
        .collect();
    assert_eq!(withdrawn.len(), 2);
    assert!(
        [observation, condition]
            .iter()
            .all(|entry| withdrawn.contains(entry))
    );
}

#[test]
fn a_cancelled_visit_is_not_imported_and_its_records_stand_alone() {
    let mut changed = Changed::new();
    let (_, encounter) = changed.first("Encounter");
    encounter["resource"]["status"] = json!("cancelled");
    let url = encounter["fullUrl"].clone();
    let plan = changed.plan();
    assert!(plan.bad.is_empty(), "{:?}", plan.bad);
    let alone: Vec<_> = plan
        .records
        .iter()
        .filter(|record| record.visit.is_none())
        .collect();
    assert!(!alone.is_empty());
    for record in alone {
        assert_eq!(
            changed.bundle["entry"][record.origin.entry]["resource"]["encounter"]["reference"],
            url
        );
    }
}

#[test]
fn a_date_without_a_time_is_kept_except_as_the_start_of_a_visit() {
    let mut changed = Changed::new();
    let (condition, entry) = changed.first("Condition");
    entry["resource"]["onsetDateTime"] = json!("2015-09");
    let (encounter, entry) = changed.first("Encounter");
    let day = entry["resource"]["period"]["start"].as_str().unwrap()[..10].to_owned();
    entry["resource"]["period"]["start"] = json!(day);
    let url = entry["fullUrl"].clone();
    let plan = changed.plan();
    let record = plan
        .records
        .iter()
        .find(|record| record.origin.entry == condition)
        .unwrap();
    assert_eq!(record.body["content"]["onset"], "2015-09");
    let visit = plan
        .visits
        .iter()
        .find(|visit| visit.body["external_id"] == url)
        .unwrap();
    assert_eq!(visit.body["scheduled_at"], format!("{day}T00:00:00Z"));
    let noted = |entry| plan.notes.iter().any(|note| note.entry == Some(entry));
    assert!(!noted(condition));
    assert!(noted(encounter));
}

#[test]
fn a_file_that_is_no_bundle_is_refused_as_a_whole() {
    let changed = Changed::new();
    let text = changed.bundle.to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut flipped = gzip.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 8].fill(0x55);

    let said = |file: &Path| read(file).unwrap_err().reason;
    assert_eq!(
        said(&changed.folder.path().join("none.json.gz")),
        "can't be opened: entity not found"
    );
    assert!(said(changed.folder.path()).starts_with("can't be read"));
    assert_eq!(
        said(&changed.file("plain.json.gz", text.as_bytes())),
        "is not gzip"
    );
    assert_eq!(said(&changed.file("empty.json.gz", b"")), "is not gzip");
    assert_eq!(
        said(&changed.file("cut.json.gz", &gzip[..gzip.len() - 100])),
        "its gzip data is damaged"
    );
    let damaged = said(&changed.file("flipped.json.gz", &flipped));
    assert!(
        damaged == "its gzip data is damaged" || damaged.starts_with("is not JSON"),
        "{damaged}"
    );
    assert_eq!(
        said(&changed.file("cut.json", &text.as_bytes()[..1000])),
        "ends in the middle of its JSON"
    );
    assert!(
        said(&changed.file("words.json", b"Karena Pfeffer")).starts_with("is not JSON (line 1")
    );
    for other in [
        "[]",
        "7",
        "{}",
        r#"{"resourceType": 7}"#,
        r#"{"resourceType": "Bundle", "entry": 7}"#,
    ] {
        assert_eq!(
            said(&changed.file("other.json", other.as_bytes())),
            "has something else than FHIR resources"
        );
    }
    assert!(
        read(&changed.file("whole.json.gz", &gzip))
            .unwrap()
            .bad
            .is_empty()
    );
    assert_eq!(
        read(&changed.file("bare.json", br#"{"resourceType": "Bundle"}"#))
            .unwrap()
            .entries,
        0
    );
}
