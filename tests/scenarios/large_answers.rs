//! Large resources: what may be stored, and how lists answer them within the limits of Lambda.

use std::collections::BTreeSet;

use tests::prelude::*;

/// The most bytes that Lambda sends for the items of a page.
const LARGEST_PAGE: usize = 4_000_000;

/// Returns texts of about this many bytes of JSON, of which every second is a quote.
fn quotes(bytes: usize) -> Value {
    vec!["\"".repeat(400); bytes / 800].into()
}

/// Returns a laboratory result of about this many bytes.
fn report(bytes: usize) -> Value {
    json!({"code": {"system": "http://loinc.org", "code": "58410-2"}, "results": quotes(bytes)})
}

async fn store(world: &World, patient: &Patient, provider: &Provider) -> Uuid {
    let id = world.note(patient, provider, "Well.").await;
    world
        .sql(
            "update medical_records set record_type = 'LAB_RESULT', content = $2, change_reason = 'Measured again'
             where id = $1",
            &[&id, &report(120_000)],
        )
        .await;
    id
}

/// Reads all pages of a list, and asserts that each is within the limit and that its audit row names exactly the
/// patients in it. `patient` is the name of the member with the patient's id. Returns the ids of all pages.
async fn pages(world: &World, caller: &Actor, path: &str, patient: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = caller
            .get(&format!("{path}limit=100{cursor}"))
            .await
            .expect(200);
        assert!(Value::from(answer.text.clone()).to_string().len() <= LARGEST_PAGE + 1_000);
        let items = answer.body["items"].as_array().unwrap();
        let answered: BTreeSet<String> = items
            .iter()
            .map(|item| item[patient].as_str().unwrap().to_owned())
            .collect();
        let rows = world.audit_of(&answer).await;
        let named = rows[0].entry.patients.iter().map(ToString::to_string);
        assert_eq!(named.collect::<BTreeSet<_>>(), answered);
        pages.push(items.iter().map(|item| item["id"].clone()).collect());
        match answer.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn a_chart_of_large_results_is_answered_in_pages_that_lambda_can_send() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let mut stored = Vec::new();
    for _ in 0..40 {
        stored.push(json!(store(&world, &ada, &vera).await));
    }
    for caller in [&*ada, &*vera] {
        let pages = pages(&world, caller, "/v1/medical-records?", "patient_id").await;
        assert!(pages.len() > 1);
        let mut read = pages.concat();
        read.reverse();
        assert_eq!(read, stored);
    }
}

#[tokio::test]
async fn the_versions_of_a_large_record_are_answered_in_pages_that_lambda_can_send() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let record = store(&world, &ada, &vera).await;
    for _ in 0..40 {
        let change = "update medical_records set change_reason = 'Measured again' where id = $1";
        world.sql(change, &[&record]).await;
    }
    let path = format!("/v1/medical-records/{record}/versions?");
    let pages = pages(&world, &vera, &path, "patient_id").await;
    assert!(pages.len() > 1, "{pages:?}");
    assert_eq!(pages.concat().len(), 42);
}

#[tokio::test]
async fn the_audit_row_of_a_page_that_is_cut_names_only_the_patients_on_it() {
    let world = World::new().await;
    let admin = world.admin().await;
    for _ in 0..30 {
        let patient = world.patient("Ada").await;
        let allergy = json!({
            "code": {"system": "http://snomed.info/sct", "code": "91935009", "display": "Peanuts"},
            "criticality": "high"
        });
        let allergies = json!(vec![allergy; 1_500]);
        let change = "update patients set allergies = $2 where id = $1";
        world.sql(change, &[&patient.id, &allergies]).await;
    }
    world
        .redefine(
            "ADMIN",
            json!({"patients:read": "ALL", "patients:clinical": "ALL"}),
        )
        .await;
    let pages = pages(&world, &admin, "/v1/patients?", "id").await;
    assert!(pages.len() > 1);
    let all: BTreeSet<String> = pages.concat().iter().map(Value::to_string).collect();
    assert_eq!(all.len(), 30);
}

#[tokio::test]
async fn a_resource_is_limited_when_it_is_created_and_when_it_is_changed() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let new = |bytes: usize| json!({"patient_id": ada.id, "record_type": "LAB_RESULT", "content": report(bytes)});
    // A body that is too large is refused before it is read.
    let path = "/v1/medical-records";
    let answer = vera
        .post(path, new(140_000))
        .await
        .problem(413, "too-large");
    assert_eq!(answer.body["max_bytes"], 128 * 1024);
    let row = audit("create-record", "CREATE", "MEDICAL_RECORD").by(&vera);
    world.audited(&answer, row.failed("too-large")).await;
    let answer = vera.post(path, new(80_000)).await.expect(201);
    let record = answer.id();
    // Two changes that fit by themselves don't fit together.
    let components = vec![json!({"code": {"system": "http://loinc.org", "code": "8480-6"}}); 1_200];
    let change = json!({"content": {"components": components}, "change_reason": "More"});
    let path = format!("/v1/medical-records/{record}");
    let row = audit("update-record", "UPDATE", "MEDICAL_RECORD").by(&vera);
    let row = row.resource(record).patient(ada.id).failed("invalid");
    let answer = world.refused(vera.patch(&path, 1, change), 422, row).await;
    assert!(answer.text.contains("131072 bytes"), "{}", answer.text);
}

#[tokio::test]
async fn the_database_refuses_rows_that_no_page_could_answer() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let record = world.note(&ada, &vera, "Well.").await;
    let connection = world.connect().await;
    for (table, column, id) in [
        ("user_profiles", "preferences", ada.user),
        ("patients", "allergies", ada.id),
        ("providers", "schedule", vera.id),
        (
            "medical_records",
            "change_reason = 'Measured again', content",
            record,
        ),
    ] {
        let change = format!("update {table} set {column} = $2 where id = $1");
        let text = "x".repeat(262_144);
        let large = match column {
            "allergies" => json!([text]),
            _ => json!({"text": text}),
        };
        let refused = connection
            .execute(&change, &[&id, &large])
            .await
            .unwrap_err();
        let constraint = refused
            .as_db_error()
            .unwrap()
            .constraint()
            .unwrap()
            .to_owned();
        assert_eq!(constraint, format!("{table}_documents_size"));
    }
}

#[tokio::test]
async fn an_answer_that_lambda_can_not_send_is_refused_before_its_row_says_success() {
    // Given a care team of so many members that their reasons don't fit into one answer.
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world
        .sql(
            "with members as (
               insert into user_profiles (id, first_name, last_name, role)
               select gen_random_uuid(), 'Nora', 'Example', 'NURSE' from generate_series(1, 3000) returning id
             )
             insert into care_relations (member_id, patient_id, basis, source, until, reason)
             select id, $1, 'COVER', id, now() + interval '1 day', $2 from members",
            &[&ada.id, &"\"".repeat(500)],
        )
        .await;
    // When the patient asks for it, then neither the answer nor the audit row claims a success.
    let path = format!("/v1/patients/{}/care", ada.id);
    let answer = ada.get(&path).await.problem(500, "internal");
    let row = audit("get-care-team", "READ", "PATIENT").by(&ada);
    let row = row.resource(ada.id).patient(ada.id);
    world.audited(&answer, row.failed("internal")).await;
}
