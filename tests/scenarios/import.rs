//! `cargo dev import`: real bundles over HTTP, twice.

use std::fs;
use std::path::PathBuf;

use client::Person;
use import::import;
use tests::prelude::*;

/// The source system of the importers.
const SOURCE: &str = "https://hospital.example/fhir";

fn shipped() -> Vec<PathBuf> {
    let folder = local_cloud::workspace::root().join("data/synthea-r4");
    let mut bundles: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    bundles.sort();
    assert!(bundles.len() >= 3);
    bundles
}

#[tokio::test]
async fn the_shipped_bundles_are_imported_whole_and_a_second_time_changes_nothing() {
    let world = World::new().await;
    let api = world.api();
    let importer = Person::from(&world.importer(SOURCE).await);
    let bundles = shipped();

    let (first, imported) = import(&bundles, &api, &importer).await;
    assert!(first.is_clean(), "{:#?}", first.complaints);
    for kind in [
        "Patient",
        "Practitioner",
        "Encounter",
        "Condition",
        "Procedure",
        "Observation",
        "MedicationRequest",
        "Immunization",
        "CarePlan",
        "AllergyIntolerance",
    ] {
        assert!(first.counts[kind].created > 0, "{kind}: {first}");
    }
    let stored = world
        .row(
            "select (select count(*) from patients) as patients,
               (select count(*) from patients where allergies <> '[]') as with_allergies,
               (select count(*) from providers) as providers,
               (select count(*) from appointments where status = 'COMPLETED') as visits,
               (select count(*) from medical_records) as records,
               (select count(distinct record_type) from medical_records) as types",
            &[],
        )
        .await;
    assert_eq!(stored["patients"], bundles.len());
    assert!(stored["with_allergies"].as_i64() > Some(0));
    assert!(stored["providers"].as_i64() > Some(0));
    let total = |count: fn(&import::Imported) -> usize| imported.iter().map(count).sum::<usize>();
    assert_eq!(stored["visits"], total(|bundle| bundle.visits));
    assert_eq!(stored["records"], total(|bundle| bundle.records));
    assert!(stored["types"].as_i64() >= Some(5), "{stored}");

    let before = world.stored().await;
    let (second, again) = import(&bundles, &api, &importer).await;
    assert!(second.is_clean(), "{:#?}", second.complaints);
    assert_eq!(second.total().created, 0, "{second}");
    let known = first.total();
    assert_eq!(second.total().unchanged, known.created + known.unchanged);
    assert_eq!(again.len(), imported.len());
    assert_eq!(world.stored().await, before);

    // Every request of both imports left its row, in chains without gaps.
    let rows = world.verify_chains().await;
    assert!(rows as u64 >= first.requests + second.requests);
}

#[tokio::test]
async fn an_invalid_bundle_is_reported_and_the_others_are_imported() {
    let world = World::new().await;
    let importer = Person::from(&world.importer(SOURCE).await);
    let broken = world.folder().join("broken.json");
    fs::write(&broken, "{\"resourceType\": \"Bundle\", ").unwrap();
    let absent = world.folder().join("absent.json");
    let bundles = [broken.clone(), absent.clone(), shipped().remove(2)];
    let (summary, imported) = import(&bundles, &world.api(), &importer).await;
    let complained: Vec<_> = summary
        .complaints
        .iter()
        .map(|complaint| &complaint.file)
        .collect();
    assert_eq!(complained, [&broken, &absent]);
    assert_eq!(imported.len(), 1);
    assert_eq!(imported[0].patients.len(), 1);
    assert!(imported[0].records > 0);
}

#[tokio::test]
async fn visits_are_imported_with_what_became_of_them() {
    let world = World::new().await;
    let importer = Person::from(&world.importer(SOURCE).await);
    let [patient, practitioner] = [(); 2].map(|()| format!("urn:uuid:{}", Uuid::now_v7()));
    let mut entries = vec![
        json!({"fullUrl": patient, "resource": {
            "resourceType": "Patient", "gender": "female", "birthDate": "1990-05-17",
            "name": [{"use": "official", "family": "Example", "given": ["Ada"]}],
            "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "MRN-1"}]
        }}),
        json!({"fullUrl": practitioner, "resource": {
            "resourceType": "Practitioner", "gender": "female",
            "name": [{"family": "Example", "given": ["Vera"]}],
            "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "370"}]
        }}),
    ];
    let expected = [
        ("finished", "COMPLETED"),
        ("arrived", "CHECKED_IN"),
        ("in-progress", "CHECKED_IN"),
        ("noshow", "NO_SHOW"),
        ("planned", "SCHEDULED"),
    ];
    for (day, (status, _)) in expected.iter().enumerate() {
        let day = format!("2020-01-{:02}", day + 1);
        entries.push(
            json!({"fullUrl": format!("urn:uuid:{}", Uuid::now_v7()), "resource": {
                "resourceType": "Encounter", "status": status, "class": {"code": "AMB"},
                "subject": {"reference": patient},
                "participant": [{"individual": {"reference": practitioner}}],
                "period": {"start": format!("{day}T09:00:00Z"), "end": format!("{day}T09:30:00Z")}
            }}),
        );
    }
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    let file = world.folder().join("visits.json");
    fs::write(&file, bundle.to_string()).unwrap();
    // A second import finds them as they are.
    for _ in 0..2 {
        let (summary, _) = import(std::slice::from_ref(&file), &world.api(), &importer).await;
        assert!(summary.is_clean(), "{:#?}", summary.complaints);
        let rows = world
            .sql(
                "select status::text from appointments order by scheduled_at",
                &[],
            )
            .await;
        let statuses: Vec<String> = rows.iter().map(|row| row.get("status")).collect();
        assert_eq!(statuses, expected.map(|(_, status)| status));
    }
}

/// A bundle with one patient, one practitioner and these resources about the patient.
fn bundle(world: &World, patient: &Value, resources: &[Value]) -> PathBuf {
    let [ada, vera] = [(); 2].map(|()| format!("urn:uuid:{}", Uuid::now_v7()));
    let mut ada_resource = json!({
        "resourceType": "Patient", "gender": "female", "birthDate": "1990-05-17",
        "name": [{"family": "Example", "given": ["Ada"]}],
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "MRN-1"}]
    });
    let fields = patient.as_object().unwrap().clone();
    ada_resource.as_object_mut().unwrap().extend(fields);
    let mut entries = vec![
        json!({"fullUrl": ada, "resource": ada_resource}),
        json!({"fullUrl": vera, "resource": {
            "resourceType": "Practitioner", "name": [{"family": "Example", "given": ["Vera"]}],
            "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "370"}]
        }}),
    ];
    for resource in resources {
        let mut resource = resource.clone();
        let about = match resource["resourceType"].as_str() {
            Some("AllergyIntolerance" | "Immunization") => "patient",
            _ => "subject",
        };
        resource[about] = json!({"reference": ada});
        let url = format!("urn:uuid:{}", Uuid::now_v7());
        entries.push(json!({"fullUrl": url, "resource": resource}));
    }
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    let file = world.folder().join("bundle.json");
    fs::write(&file, bundle.to_string()).unwrap();
    file
}

async fn imported(world: &World, file: PathBuf) -> import::summary::Summary {
    let importer = Person::from(&world.importer(SOURCE).await);
    import(&[file], &world.api(), &importer).await.0
}

/// A coded concept with this name.
fn concept(display: &str) -> Value {
    json!({"coding": [{"system": "http://snomed.info/sct", "code": "387458008", "display": display}]})
}

#[tokio::test]
async fn nothing_is_imported_as_its_opposite() {
    let world = World::new().await;
    let verification = |code: &str| json!({"coding": [{"code": code}]});
    let medication = |changes: Value| {
        let mut request = json!({
            "resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationCodeableConcept": concept("aspirin")
        });
        let changes = changes.as_object().unwrap().clone();
        request.as_object_mut().unwrap().extend(changes);
        request
    };
    // Given resources that negate, withdraw or only propose something
    let cases = [
        (
            medication(json!({"doNotPerform": true})),
            "must not be done",
        ),
        (medication(json!({"intent": "proposal"})), "only proposed"),
        (medication(json!({"status": "draft"})), "a draft"),
        (
            medication(json!({"status": "entered-in-error"})),
            "in error",
        ),
        (
            medication(json!({"modifierExtension": [{"url": "http://example.org/not"}]})),
            "modifierExtension",
        ),
        (
            medication(
                json!({"dosageInstruction": [{"modifierExtension": [{"url": "http://example.org/not"}]}]}),
            ),
            "modifierExtension",
        ),
        (
            medication(json!({"implicitRules": "http://example.org/rules"})),
            "implicitRules",
        ),
        (
            json!({"resourceType": "AllergyIntolerance", "code": concept("penicillin"),
                "verificationStatus": verification("refuted")}),
            "refuted",
        ),
        (
            json!({"resourceType": "AllergyIntolerance", "code": concept("penicillin"),
                "verificationStatus": verification("entered-in-error")}),
            "in error",
        ),
        (
            json!({"resourceType": "Condition", "code": concept("asthma"),
                "verificationStatus": verification("refuted")}),
            "refuted",
        ),
        (
            json!({"resourceType": "Procedure", "status": "not-done", "code": concept("stitches")}),
            "not done",
        ),
        (
            json!({"resourceType": "Immunization", "status": "not-done", "vaccineCode": concept("flu"),
                "occurrenceDateTime": "2020-01-01"}),
            "not done",
        ),
        (
            json!({"resourceType": "Goal", "lifecycleStatus": "entered-in-error", "description": concept("run")}),
            "in error",
        ),
        (
            json!({"resourceType": "ImagingStudy", "status": "cancelled"}),
            "cancelled",
        ),
    ];
    let resources = cases.clone().map(|(resource, _)| resource);
    let summary = imported(&world, bundle(&world, &json!({}), &resources)).await;

    // Then the chart has none of them, and each is reported
    assert!(summary.is_clean(), "{:#?}", summary.complaints);
    let chart = world
        .row(
            "select (select count(*) from medical_records) as records,
               coalesce(allergies, '[]') as allergies, coalesce(health_goals, '[]') as health_goals
             from patients",
            &[],
        )
        .await;
    assert_eq!(
        chart,
        json!({"records": 0, "allergies": [], "health_goals": []})
    );
    for (index, (resource, reason)) in cases.iter().enumerate() {
        let noted = summary.notes.iter().any(|note| {
            note.entry == Some(index + 2)
                && note.reason.contains(reason)
                && note.reason.contains("left out")
        });
        assert!(noted, "{resource}: {:#?}", summary.notes);
    }
    assert_eq!(summary.total().not_imported, cases.len());
}

#[tokio::test]
async fn what_is_uncertain_is_imported_as_uncertain() {
    let world = World::new().await;
    let unconfirmed = json!({"resourceType": "AllergyIntolerance", "code": concept("peanut"),
        "verificationStatus": {"coding": [{"code": "unconfirmed"}]}});
    let summary = imported(&world, bundle(&world, &json!({}), &[unconfirmed])).await;
    assert!(summary.is_clean(), "{:#?}", summary.complaints);
    let chart = world.row("select allergies from patients", &[]).await;
    assert_eq!(chart["allergies"][0]["verification_status"], "unconfirmed");
}

#[tokio::test]
async fn the_present_value_wins_over_former_ones() {
    let world = World::new().await;
    let patient = json!({
        "name": [
            {"use": "maiden", "family": "Maidenname", "given": ["Ada"]},
            {"use": "official", "family": "Formername", "given": ["Ada"], "period": {"end": "2010"}},
            {"use": "nickname", "family": "Nickname", "given": ["Addie"]},
            {"use": "usual", "family": "Currentname", "given": ["Ada"]}
        ],
        "identifier": [
            {"use": "old", "type": {"coding": [{"code": "MR"}]}, "value": "MRN-OLD"},
            {"type": {"coding": [{"code": "MR"}]}, "value": "MRN-NOW"}
        ],
        "address": [
            {"use": "old", "city": "Oldtown"},
            {"use": "home", "city": "Pasttown", "period": {"end": "2015-01-01"}},
            {"use": "home", "city": "Newtown"}
        ],
        "telecom": [
            {"system": "phone", "value": "555-0001", "use": "old"},
            {"system": "phone", "value": "555-0003", "rank": 2},
            {"system": "phone", "value": "555-0002", "rank": 1}
        ],
        "communication": [
            {"language": {"coding": [{"code": "en"}]}},
            {"language": {"coding": [{"code": "es"}]}, "preferred": true}
        ],
        "active": false
    });
    let summary = imported(&world, bundle(&world, &patient, &[])).await;
    assert!(summary.is_clean(), "{:#?}", summary.complaints);
    let stored = world
        .row(
            "select u.last_name, u.phone, u.address ->> 'city' as city, u.preferences ->> 'language' as language,
               p.patient_number
             from patients p join user_profiles u on u.id = p.user_id",
            &[],
        )
        .await;
    assert_eq!(
        stored,
        json!({"last_name": "Currentname", "phone": "555-0002", "city": "Newtown", "language": "es",
            "patient_number": "MRN-NOW"})
    );
    let inactive = |note: &import::summary::Complaint| note.reason.contains("inactive");
    assert!(summary.notes.iter().any(inactive));
}

#[tokio::test]
async fn a_patient_who_was_replaced_is_refused_with_their_successor() {
    let world = World::new().await;
    let patient =
        json!({"link": [{"type": "replaced-by", "other": {"reference": "Patient/successor"}}]});
    let summary = imported(&world, bundle(&world, &patient, &[])).await;
    assert!(summary.complaints[0].reason.contains("Patient/successor"));
    assert_eq!(world.rows("select from patients", &[]).await.len(), 0);
}
