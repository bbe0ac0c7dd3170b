//! `cargo dev import`: real bundles over HTTP, twice.

use std::fs;
use std::path::PathBuf;

use client::Person;
use import::{Administrators, import};
use tests::prelude::*;

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
    let admin = world.admin().await;
    let second = world.admin().await;
    let api = world.api();
    let admins = Administrators {
        first: Person::from(&admin),
        second: Person::from(&second),
    };
    let bundles = shipped();

    let (first, imported) = import(&bundles, &api, &admins).await;
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
    let (second, again) = import(&bundles, &api, &admins).await;
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
    let (admin, second) = (world.admin().await, world.admin().await);
    let admins = Administrators {
        first: Person::from(&admin),
        second: Person::from(&second),
    };
    let broken = world.folder().join("broken.json");
    fs::write(&broken, "{\"resourceType\": \"Bundle\", ").unwrap();
    let absent = world.folder().join("absent.json");
    let bundles = [broken.clone(), absent.clone(), shipped().remove(2)];
    let (summary, imported) = import(&bundles, &world.api(), &admins).await;
    let complained: Vec<_> = summary
        .complaints
        .iter()
        .map(|complaint| &complaint.file)
        .collect();
    assert_eq!(complained, [&broken, &absent]);
    assert_eq!(imported.len(), 1);
    assert!(imported[0].patient.is_some());
    assert!(imported[0].records > 0);
}

#[tokio::test]
async fn visits_are_imported_with_what_became_of_them() {
    let world = World::new().await;
    let (admin, second) = (world.admin().await, world.admin().await);
    let admins = Administrators {
        first: Person::from(&admin),
        second: Person::from(&second),
    };
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
        let (summary, _) = import(std::slice::from_ref(&file), &world.api(), &admins).await;
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
