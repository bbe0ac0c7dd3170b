//! The files of an import: every type of Bundle, single resources, NDJSON, several patients, and visits as other systems
//! write them.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use fhir::mapping::visits::Progress;
use import::plan::Plan;
use import::read;
use serde_json::{Value, json};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn plan(&self, content: &Value) -> Plan {
        read(&self.file("bundle.json", &content.to_string())).unwrap()
    }
}

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1990-05-17",
        "name": [{"family": "Example", "given": ["Ada"]}], "identifier": [{"value": format!("MRN-{id}")}]})
}

fn practitioner(id: &str) -> Value {
    json!({"resourceType": "Practitioner", "id": id, "name": [{"family": "Example", "given": ["Vera"]}],
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": format!("370{id}")}]})
}

fn encounter(id: &str, patient: &str, changes: &Value) -> Value {
    let mut encounter = json!({
        "resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": format!("Patient/{patient}")},
        "participant": [{"individual": {"reference": "Practitioner/d"}}],
        "period": {"start": "2020-01-02T10:00:00Z", "end": "2020-01-02T10:30:00Z"}
    });
    let changes = changes.as_object().unwrap().clone();
    encounter.as_object_mut().unwrap().extend(changes);
    encounter
}

fn bundle(kind: &str, resources: &[Value]) -> Value {
    let entries = resources.iter().map(|resource| {
        let (kind, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
        let url = format!("https://ehr.example.org/{}/{}", kind.unwrap(), id.unwrap());
        json!({"fullUrl": url, "resource": resource})
    });
    json!({"resourceType": "Bundle", "type": kind, "entry": entries.collect::<Vec<_>>()})
}

fn counts(plan: &Plan) -> [usize; 5] {
    [
        plan.patients.len(),
        plan.providers.len(),
        plan.visits.len(),
        plan.records.len(),
        plan.bad.len(),
    ]
}

#[test]
fn a_bundle_of_each_type_is_read() {
    let folder = Folder::new();
    let resources = [
        patient("p"),
        practitioner("d"),
        encounter("e", "p", &json!({})),
    ];
    for kind in [
        "transaction",
        "batch",
        "collection",
        "searchset",
        "document",
        "message",
    ] {
        assert_eq!(
            counts(&folder.plan(&bundle(kind, &resources))),
            [1, 1, 1, 0, 0],
            "{kind}"
        );
    }
    // A document begins with a Composition, and a search may say how it went.
    let composition = json!({"resourceType": "Composition", "id": "c"});
    let outcome = json!({"resourceType": "OperationOutcome", "id": "o"});
    let plan = folder.plan(&bundle("document", &[composition, patient("p"), outcome]));
    assert_eq!(plan.aside, ["Composition", "OperationOutcome"]);
    // A history has several versions of a resource, and some of them are deleted.
    let history = folder.file("history.json", &bundle("history", &resources).to_string());
    assert!(
        read(&history)
            .unwrap_err()
            .reason
            .starts_with("is a history")
    );
}

#[test]
fn a_transaction_that_deletes_is_reported() {
    let delete = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "DELETE", "url": "Patient/p"}},
        {"request": {"method": "POST", "url": "Patient"}, "resource": patient("p")}
    ]});
    let plan = Folder::new().plan(&delete);
    assert_eq!(counts(&plan), [1, 0, 0, 0, 0]);
    assert!(plan.notes[0].reason.contains("asks to delete"));
}

#[test]
fn single_resources_and_lines_of_resources_are_read() {
    let folder = Folder::new();
    let one = folder.file("one.json", &patient("p").to_string());
    assert_eq!(counts(&read(&one).unwrap()), [1, 0, 0, 0, 0]);

    let resources = [
        patient("p"),
        patient("q"),
        practitioner("d"),
        encounter("e", "q", &json!({})),
    ];
    let lines: Vec<_> = resources.iter().map(Value::to_string).collect();
    for (name, content) in [
        ("lines.ndjson", lines.join("\n")),
        ("windows.ndjson", format!("{}\r\n", lines.join("\r\n"))),
        ("marked.ndjson", format!("\u{feff}{}", lines.join("\n"))),
        (
            "mixed.json",
            format!(
                "{}{}",
                bundle("collection", &resources[..2]),
                lines[2..].join(" ")
            ),
        ),
    ] {
        let plan = read(&folder.file(name, &content)).unwrap();
        assert_eq!(counts(&plan), [2, 1, 1, 0, 0], "{name}");
        assert_eq!(plan.visits[0].patient, 1, "{name}");
    }
    let cut = folder.file("cut.ndjson", &format!("{}\n{{\"resourceType\"", lines[0]));
    assert_eq!(
        read(&cut).unwrap_err().reason,
        "ends in the middle of its JSON"
    );
    let broken = folder.file("broken.ndjson", &format!("{}\noops\n", lines[0]));
    assert!(
        read(&broken)
            .unwrap_err()
            .reason
            .starts_with("is not JSON (line 2")
    );
}

#[test]
fn each_of_several_patients_has_their_own_chart() {
    let observation = |id: &str, patient: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": format!("Patient/{patient}")},
            "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}})
    };
    let plan = Folder::new().plan(&bundle(
        "collection",
        &[
            patient("p"),
            patient("q"),
            practitioner("d"),
            observation("1", "q"),
            observation("2", "p"),
            observation("3", "unknown"),
        ],
    ));
    let of: Vec<_> = plan.records.iter().map(|record| record.patient).collect();
    assert_eq!(of, [1, 0]);
    assert_eq!(plan.bad[0].1, "is about a patient who isn't in the import");
}

#[test]
fn practitioners_alone_are_no_fault() {
    let plan = Folder::new().plan(&bundle("batch", &[practitioner("d")]));
    assert_eq!(counts(&plan), [0, 1, 0, 0, 0]);
}

#[test]
fn an_entry_without_full_url_keeps_its_identity() {
    let folder = Folder::new();
    let observation = json!({"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}});
    let bundle = json!({"resourceType": "Bundle", "entry": [
        {"resource": patient("p")}, {"resource": practitioner("d")}, {"resource": observation}
    ]});
    let [first, second] = [(); 2].map(|()| folder.plan(&bundle));
    assert_eq!(counts(&first), [1, 1, 0, 1, 0]);
    let id = |plan: &Plan| plan.records[0].body["external_id"].clone();
    assert!(id(&first).as_str().unwrap().starts_with("urn:uuid:"));
    assert_eq!(id(&first), id(&second));
    // A resource that stands twice is one, and the repetition is reported.
    let mut twice = bundle.clone();
    let entries = twice["entry"].as_array_mut().unwrap();
    entries.push(entries[2].clone());
    assert_eq!(folder.plan(&twice).bad[0].1, "repeats an earlier entry");
}

/// The body of the only visit, and the notes about it.
fn visit(changes: &Value) -> Result<(Value, Progress, Vec<String>), String> {
    let resources = [
        patient("p"),
        practitioner("d"),
        encounter("e", "p", changes),
    ];
    let plan = Folder::new().plan(&bundle("collection", &resources));
    match plan.bad.first() {
        Some((_, reason)) => Err(reason.clone()),
        None => {
            let notes = plan.notes.iter().map(|note| note.reason.clone());
            Ok((
                plan.visits[0].body.clone(),
                plan.visits[0].progress,
                notes.collect(),
            ))
        }
    }
}

#[test]
fn a_visit_has_the_time_that_its_source_gives() {
    let start = "2020-01-02T10:00:00Z";
    for (changes, expected_start, minutes, note) in [
        (
            json!({"period": {"start": start, "end": "2020-01-02T10:30:00Z"}}),
            start,
            30,
            None,
        ),
        // A day ends when the next begins.
        (
            json!({"period": {"start": "2020-01-02", "end": "2020-01-02"}}),
            "2020-01-02T00:00:00Z",
            1440,
            Some("without a time of day"),
        ),
        (
            json!({"period": {"start": start, "end": "2020-01-02"}}),
            start,
            840,
            None,
        ),
        (
            json!({"period": {"start": "2020-01-02", "end": "2020-01-04"}}),
            "2020-01-02T00:00:00Z",
            1440,
            Some("lasted 4320 minutes"),
        ),
        // An open visit, and one of which only the length is known.
        (
            json!({"status": "in-progress", "period": {"start": start}}),
            start,
            30,
            Some("30 minutes is assumed"),
        ),
        (
            json!({"period": {"start": start}, "length": {"value": 1.5, "code": "h"}}),
            start,
            90,
            None,
        ),
        (
            json!({"period": {"start": start, "end": "2020-01-02T10:00:01Z"}}),
            start,
            1,
            None,
        ),
    ] {
        let (body, _, notes) = visit(&changes).unwrap();
        assert_eq!(body["scheduled_at"], expected_start, "{changes}");
        assert_eq!(body["duration_minutes"], minutes, "{changes}");
        let noted = note.is_none_or(|note| notes.iter().any(|it| it.contains(note)));
        assert!(noted, "{changes}: {notes:?}");
        assert_eq!(notes.is_empty(), note.is_none(), "{changes}: {notes:?}");
    }
    let open = visit(&json!({"status": "in-progress", "period": {"start": start}})).unwrap();
    assert_eq!(open.1, Progress::Arrived);
    assert_eq!(open.0["notes"], "Its end is not known");
    for changes in [json!({"period": null}), json!({"period": {"end": start}})] {
        assert!(
            visit(&changes)
                .unwrap_err()
                .contains("time of the visit is unknown")
        );
    }
    assert_eq!(
        visit(&json!({"period": {"start": start, "end": "2020-01-02T09:59:59Z"}})).unwrap_err(),
        "ends before it begins"
    );
}

#[test]
fn the_first_practitioner_among_the_participants_is_taken() {
    let participants = json!({"participant": [
        {"individual": {"reference": "RelatedPerson/r", "display": "A relative"}},
        {"type": [{"text": "nobody"}]},
        {"individual": {"reference": "Practitioner/d"}}
    ]});
    let (body, _, notes) = visit(&participants).unwrap();
    assert_eq!(notes, [] as [String; 0]);
    assert_eq!(body["notes"], Value::Null);
    // By their role in an organization
    let role = json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/d"}});
    let by_role = json!({"participant": [{"individual": {"reference": "PractitionerRole/r"}}]});
    let resources = [
        patient("p"),
        practitioner("c"),
        practitioner("d"),
        role,
        encounter("e", "p", &by_role),
    ];
    let plan = Folder::new().plan(&bundle("collection", &resources));
    assert_eq!(plan.visits[0].provider, 1);
    // One who is only named is kept as text.
    let display = json!({"participant": [{"individual": {"display": "Dr. Max Elsewhere"}}]});
    let (body, _, notes) = visit(&display).unwrap();
    assert_eq!(body["notes"], "Practitioner: Dr. Max Elsewhere");
    assert!(notes[0].contains("the first practitioner is used"));
}

#[test]
fn a_place_is_kept_by_its_name() {
    for changes in [
        json!({"serviceProvider": {"display": "Hillside Clinic"}}),
        json!({"location": [{"location": {"display": "Hillside Clinic"}}]}),
        json!({"contained": [{"resourceType": "Location", "id": "l", "name": "Hillside Clinic"}],
            "location": [{"location": {"reference": "#l"}}]}),
    ] {
        let (body, _, notes) = visit(&changes).unwrap();
        assert_eq!(body["location"]["name"], "Hillside Clinic", "{changes}");
        assert_eq!(notes, [] as [String; 0]);
    }
}

#[test]
fn each_element_without_a_place_is_counted() {
    let mut ada = patient("p");
    ada["photo"] = json!([{"title": "portrait"}]);
    ada["name"][0]["prefix"] = json!(["Dr."]);
    ada["extension"] = json!([{"url": "http://example.org/a"}]);
    let mut bob = patient("q");
    bob["name"][0]["prefix"] = json!(["Mr."]);
    let plan = Folder::new().plan(&bundle("collection", &[ada, bob]));
    let unmapped: Vec<_> = plan.unmapped.iter().collect();
    let expected = [
        ("Patient.extension", 1),
        ("Patient.name.prefix", 2),
        ("Patient.photo", 1),
    ];
    let expected = expected.map(|(path, count)| (path.to_owned(), count));
    assert_eq!(
        unmapped,
        expected
            .iter()
            .map(|(path, count)| (path, count))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_medication_is_kept_by_its_code_or_its_name() {
    let tablet =
        json!({"resourceType": "Medication", "id": "m", "code": {"text": "Example tablet"}});
    for (changes, expected) in [
        (
            json!({"contained": [tablet], "medicationReference": {"reference": "#m"}}),
            "Example tablet",
        ),
        (
            json!({"medicationReference": {"reference": "Medication/m"}}),
            "Example tablet",
        ),
        (
            json!({"medicationReference": {"display": "Example drops"}}),
            "Example drops",
        ),
    ] {
        let mut request = json!({"resourceType": "MedicationRequest", "id": "r", "status": "active", "intent": "order",
            "subject": {"reference": "Patient/p"}});
        let fields = changes.as_object().unwrap().clone();
        request.as_object_mut().unwrap().extend(fields);
        let plan = Folder::new().plan(&bundle(
            "collection",
            &[patient("p"), practitioner("d"), tablet.clone(), request],
        ));
        assert_eq!(counts(&plan), [1, 1, 0, 1, 0], "{changes}");
        let medication = &plan.records[0].body["content"]["medication"];
        assert_eq!(*medication, json!({"display": expected}), "{changes}");
    }
}

/// The content of the only record that this resource about the patient becomes, and the notes.
fn record(resource: &Value) -> (Option<Value>, Vec<String>) {
    let mut resource = resource.clone();
    resource["id"] = json!("r");
    resource["subject"] = json!({"reference": "Patient/p"});
    let plan = Folder::new().plan(&bundle(
        "collection",
        &[patient("p"), practitioner("d"), resource],
    ));
    assert!(plan.bad.is_empty(), "{:?}", plan.bad);
    let content = plan
        .records
        .first()
        .map(|record| record.body["content"].clone());
    (
        content,
        plan.notes.iter().map(|note| note.reason.clone()).collect(),
    )
}

#[test]
fn a_status_is_read_from_each_of_its_codings() {
    let condition = |verification: Value| {
        json!({"resourceType": "Condition", "code": {"text": "asthma"}, "verificationStatus": verification,
            "clinicalStatus": {"text": "Resolved"}})
    };
    let hl7 = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    let local = json!({"system": "urn:oid:1.2.3", "code": "3"});
    let refuted = json!({"coding": [local, {"system": hl7, "code": "refuted"}]});
    let (content, notes) = record(&condition(refuted));
    assert_eq!(content, None);
    assert_eq!(notes, ["is refuted, so it is left out"]);
    let likely = json!({"coding": [local, {"system": hl7, "code": "provisional"}]});
    let content = record(&condition(likely)).0.unwrap();
    assert_eq!(content["verification_status"], "provisional");
    assert_eq!(content["clinical_status"], "Resolved");
}

#[test]
fn a_dosage_that_is_needed_only_at_times_never_becomes_a_daily_one() {
    let order = |dosage: Value| {
        json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationCodeableConcept": {"text": "a tablet"}, "dosageInstruction": dosage})
    };
    let dose = json!([{"doseQuantity": {"value": 1, "unit": "tablet"}}]);
    for reason in [json!({"coding": [{"code": "PAIN"}]}), json!({})] {
        let needed = json!([{"asNeededCodeableConcept": reason, "doseAndRate": dose}]);
        let content = record(&order(needed)).0.unwrap();
        assert_eq!(
            content["dosage_instruction"][0]["as_needed"], true,
            "{reason}"
        );
        assert!(
            content["dosage"].as_str().unwrap().contains("as needed"),
            "{reason}"
        );
    }
    // Steps have an order only if the source gives one.
    for (dosage, expected) in [
        (json!([{"text": "one"}, {"text": "two"}]), "one; two"),
        (
            json!([{"sequence": 1, "text": "one"}, {"sequence": 1, "text": "two"}]),
            "one; two",
        ),
        (
            json!([{"sequence": 2, "text": "two"}, {"sequence": 1, "text": "one"}]),
            "one Then: two",
        ),
    ] {
        assert_eq!(record(&order(dosage)).0.unwrap()["dosage"], expected);
    }
}

#[test]
fn a_flag_without_a_system_is_kept_in_words() {
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "potassium"},
        "valueInteger": 7, "interpretation": [{"coding": [{"code": "HH"}]}],
        "note": [{"_text": {"extension": [{"url": "http://example.org/masked"}]}}]});
    let content = record(&observation).0.unwrap();
    assert_eq!(content["interpretation"], json!([{"display": "HH"}]));
}

#[test]
fn values_that_are_masked_and_addresses_that_are_none_refuse_nobody() {
    let mut ada = patient("p");
    ada["name"][0]["given"] = json!([null, "Ada"]);
    ada["name"][0]["_given"] = json!([{"extension": [{"url": "http://example.org/masked"}]}, null]);
    ada["telecom"] = json!([{"system": "email", "value": "declined"}]);
    let plan = Folder::new().plan(&bundle("collection", &[ada.clone()]));
    assert_eq!(plan.patients[0].user["first_name"], "Ada");
    assert_eq!(plan.patients[0].user["notification_email"], Value::Null);
    ada["telecom"][0]["value"] = json!("Ada@Example.org");
    let plan = Folder::new().plan(&bundle("collection", &[ada]));
    assert_eq!(
        plan.patients[0].user["notification_email"],
        "ada@example.org"
    );
}

#[test]
fn who_replaced_a_patient_is_named_without_patient_data() {
    for (other, expected) in [
        (
            json!({"reference": "Patient/q"}),
            "was replaced by Patient/q",
        ),
        (
            json!({"display": "Jane Doe"}),
            "was replaced by another patient",
        ),
        (
            json!({"reference": "Patient?identifier=http://hl7.org/fhir/sid/us-ssn|1"}),
            "was replaced by another patient",
        ),
    ] {
        let mut ada = patient("p");
        ada["link"] = json!([{"type": "replaced-by", "other": other}]);
        let plan = Folder::new().plan(&bundle("collection", &[ada]));
        assert_eq!(plan.bad[0].1, expected);
    }
}

#[test]
fn a_role_that_names_itself_is_no_practitioner() {
    let role = json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "PractitionerRole/r"}});
    let by_role = json!({"participant": [{"individual": {"reference": "PractitionerRole/r"}}]});
    let resources = [
        patient("p"),
        practitioner("d"),
        role,
        encounter("e", "p", &by_role),
    ];
    let plan = Folder::new().plan(&bundle("collection", &resources));
    assert!(plan.visits[0].is_assumed);
}

#[test]
fn a_resource_that_is_read_twice_is_still_one() {
    let resources = [
        patient("p"),
        patient("p"),
        practitioner("d"),
        encounter("e", "p", &json!({})),
    ];
    let lines: Vec<_> = resources.iter().map(Value::to_string).collect();
    let plan = read(&Folder::new().file("twice.ndjson", &lines.join("\n"))).unwrap();
    assert_eq!(counts(&plan), [1, 1, 1, 0, 1]);
    assert_eq!(plan.bad[0].1, "repeats an earlier entry");
}
