//! `POST /v1/medical-records`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("create-record", "CREATE", "MEDICAL_RECORD")
}

fn note(patient: Uuid) -> Value {
    json!({"patient_id": patient, "record_type": "NOTE", "content": {"text": "Well."}})
}

async fn in_care(world: &World) -> (Patient, Provider) {
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    (ada, vera)
}

#[tokio::test]
async fn a_provider_creates_a_record_that_the_patient_sees_at_once() {
    let world = World::new().await;
    let (ada, vera) = in_care(&world).await;
    let visit = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let mut body = note(ada.id);
    for (field, value) in [
        ("appointment_id", json!(visit)),
        ("diagnosis", json!("Healthy")),
        ("treatment", json!("None\nneeded")),
        ("notes", json!("See you in a year")),
    ] {
        body[field] = value;
    }
    let answer = vera
        .post("/v1/medical-records", body.clone())
        .await
        .expect(201);
    let id = answer.id();
    assert_eq!(
        answer.header("location"),
        format!("/v1/medical-records/{id}")
    );
    assert_eq!(answer.body["provider_id"], json!(vera.id));
    assert_eq!(answer.body["is_patient_visible"], true);
    let stored = world
        .row("select * from medical_records where id = $1", &[&id])
        .await;
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&answer.body[field], value, "{field}");
        assert_eq!(&stored[field], value, "{field}");
    }
    world
        .audited(&answer, row().by(&vera).resource(id).patient(ada.id))
        .await;
    ada.get(&format!("/v1/medical-records/{id}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn each_type_of_record_is_stored_as_sent() {
    let world = World::new().await;
    let (ada, vera) = in_care(&world).await;
    let code =
        json!({"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertension"});
    for (record_type, content) in [
        (
            "DIAGNOSIS",
            json!({"code": code, "clinical_status": "active", "verification_status": "confirmed", "onset": "2019-05-01T00:00:00Z"}),
        ),
        (
            "TREATMENT",
            json!({"code": code, "status": "completed", "performed_start": "2019-05-01T00:00:00Z", "performed_end": "2019-05-01T00:15:00Z", "reason": code}),
        ),
        ("SUMMARY", json!({"text": "Came, was treated, left."})),
        (
            "LAB_RESULT",
            json!({"code": code, "category": "laboratory", "status": "final", "effective": "2019-05-01T00:00:00Z", "value": {"quantity": {"value": 6.3, "unit": "mmol/L", "code": "mmol/L"}}}),
        ),
        (
            "LAB_RESULT",
            json!({"code": code, "components": [{"code": code, "value": {"coded": code}}, {"code": code, "value": {"text": "trace"}}], "results": ["Glucose 6.3 mmol/L"]}),
        ),
        (
            "PRESCRIPTION",
            json!({"medication": code, "status": "active", "authored_on": "2019-05-01T00:00:00Z", "dosage": "1 daily", "as_needed": false}),
        ),
        (
            "IMAGING",
            json!({"modality": code, "body_site": code, "started": "2019-05-01T00:00:00Z", "description": "Chest", "instances": 2}),
        ),
        (
            "NOTE",
            json!({"text": "Line one\n\tline two — and “quotes”"}),
        ),
        (
            "IMMUNIZATION",
            json!({"vaccine": code, "status": "completed", "occurrence": "2019-05-01T00:00:00Z"}),
        ),
        (
            "CARE_PLAN",
            json!({"category": code, "status": "active", "period_start": "2019-05-01T00:00:00Z", "activities": [{"code": code, "status": "in-progress"}]}),
        ),
    ] {
        let body = json!({"patient_id": ada.id, "record_type": record_type, "content": content});
        let answer = vera.post("/v1/medical-records", body).await.expect(201);
        assert_eq!(answer.body["content"], content, "{record_type}");
        assert_eq!(answer.body["record_type"], record_type);
        world
            .audited(
                &answer,
                row().by(&vera).resource(answer.id()).patient(ada.id),
            )
            .await;
    }
}

#[tokio::test]
async fn content_that_does_not_match_its_type_is_named_and_not_stored() {
    let world = World::new().await;
    let (ada, vera) = in_care(&world).await;
    let code = json!({"system": "http://loinc.org", "code": "4548-4"});
    for (record_type, content, field) in [
        ("NOTE", json!({}), "content.text"),
        ("NOTE", json!({"text": ""}), "content.text"),
        ("NOTE", json!({"text": "x", "mood": "good"}), "content.mood"),
        ("NOTE", json!("x"), "content"),
        ("DIAGNOSIS", json!({"text": "Hypertension"}), "content.text"),
        (
            "DIAGNOSIS",
            json!({"code": {"code": "1"}}),
            "content.code.system",
        ),
        (
            "DIAGNOSIS",
            json!({"code": {"system": "SNOMED", "code": "38341003"}}),
            "content.code.system",
        ),
        (
            "DIAGNOSIS",
            json!({"code": {"system": "http://snomed.info/sct", "code": "I10"}}),
            "content.code.code",
        ),
        (
            "DIAGNOSIS",
            json!({"code": code, "onset": "2019-13"}),
            "content.onset",
        ),
        (
            "LAB_RESULT",
            json!({"code": code, "value": {"amount": 1}}),
            "content.value",
        ),
        (
            "LAB_RESULT",
            json!({"code": code, "value": {"quantity": {"value": "6"}}}),
            "content.value.quantity.value",
        ),
        ("IMAGING", json!({"instances": -1}), "content.instances"),
        (
            "CARE_PLAN",
            json!({"category": code, "activities": [{}]}),
            "content.activities[0].code",
        ),
        ("OPINION", json!({"text": "x"}), "record_type"),
    ] {
        let body = json!({"patient_id": ada.id, "record_type": record_type, "content": content});
        let expected = row().by(&vera);
        world
            .invalid(vera.post("/v1/medical-records", body), field, expected)
            .await;
    }
}

#[tokio::test]
async fn a_record_for_a_patient_not_in_care_gets_404() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let denied = row().by(&vera).attempted().patient(ada.id);
    let denied = denied.denied("not-found");
    let refused = world
        .refused(vera.post("/v1/medical-records", note(ada.id)), 404, denied)
        .await;

    let body = note(Uuid::now_v7());
    let failed = row().by(&vera).attempted().failed("not-found");
    let absent = world
        .refused(vera.post("/v1/medical-records", body), 404, failed)
        .await;
    refused.same_as(&absent);
}

#[tokio::test]
async fn only_a_provider_creates_records() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    for caller in [&*ada, &admin] {
        let denied = row().by(caller).attempted().patient(ada.id);
        let denied = denied.denied("forbidden");
        let body = note(ada.id);
        world
            .refused(caller.post("/v1/medical-records", body), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_record_can_not_refer_to_another_patients_visit() {
    let world = World::new().await;
    let (ada, vera) = in_care(&world).await;
    let ben = world.patient("Ben").await;
    let of_ben = world
        .visit(&ben, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    for visit in [of_ben, Uuid::now_v7()] {
        let mut body = note(ada.id);
        body["appointment_id"] = json!(visit);
        world
            .invalid(
                vera.post("/v1/medical-records", body),
                "appointment_id",
                row().by(&vera).attempted().patient(ada.id),
            )
            .await;
    }
}

#[tokio::test]
async fn a_taken_external_id_is_refused() {
    let world = World::new().await;
    let mut last = None;
    // The same identifier in another system is another record.
    for system in [
        "https://hospital.example/notes",
        "https://laboratory.example/results",
    ] {
        let importer = world.importer(system).await;
        let ada = world.patient_from(Some(system), "Ada").await;
        let vera = world.provider_from(Some(system), "Vera").await;
        let mut body = note(ada.id);
        body["provider_id"] = json!(vera.id);
        body["external_id"] = json!("note-1");
        importer
            .post("/v1/medical-records", body.clone())
            .await
            .invalid("source_system");
        body["source_system"] = json!(system);
        let made = importer
            .post("/v1/medical-records", body.clone())
            .await
            .expect(201);
        assert_eq!(made.body["provider_id"], json!(vera.id));
        world
            .audited(
                &made,
                row()
                    .by(&importer)
                    .resource(made.id())
                    .patient(ada.id)
                    .detail("source_system", system),
            )
            .await;
        last = Some((importer, ada, body, system));
    }
    let (importer, ada, body, system) = last.unwrap();
    let failed = row().by(&importer).attempted().patient(ada.id);
    let failed = failed
        .failed("already-exists")
        .detail("source_system", system);
    world
        .refused(importer.post("/v1/medical-records", body), 409, failed)
        .await;
}

#[tokio::test]
async fn only_an_importer_names_another_author_or_an_external_id() {
    let world = World::new().await;
    let (ada, vera) = in_care(&world).await;
    let walt = world.provider("Walt").await;
    let attempt = || row().by(&vera).attempted().patient(ada.id);
    let mut of_another = note(ada.id);
    of_another["provider_id"] = json!(walt.id);
    let denied = attempt().denied("not-found");
    world
        .refused(vera.post("/v1/medical-records", of_another), 404, denied)
        .await;
    let mut imported = note(ada.id);
    imported["source_system"] = json!("https://hospital.example/notes");
    imported["external_id"] = json!("note-1");
    let denied = attempt().denied("forbidden");
    world
        .refused(vera.post("/v1/medical-records", imported), 403, denied)
        .await;
    assert_eq!(
        world.rows("select from medical_records", &[]).await.len(),
        0
    );
}
