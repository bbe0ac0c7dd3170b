//! Each field of FHIR R4 that a clinic needs has a place: it is stored and read as it was sent.

use tests::audit::Expected;
use tests::prelude::*;

fn coded(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code, "display": "a concept"})
}

fn words(display: &str) -> Value {
    json!({ "display": display })
}

/// Every field of each record type, with numbers whose digits count.
fn full() -> Vec<(&'static str, Value)> {
    let result = r#"{
        "code": {"system": "http://loinc.org", "code": "2339-0"}, "category": "laboratory", "status": "final",
        "effective_start": "2025-03-01T08:00:00Z", "effective_end": "2025-03-02", "issued": "2025-03-03T09:00:00Z",
        "value": {"quantity": {"value": 0.50, "comparator": "<", "unit": "mmol/L", "code": "mmol/L"}},
        "interpretation": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "L"},
            {"display": "below the limit of the device"}
        ],
        "reference_range": [
            {"low": {"value": 3.90, "unit": "mmol/L"}, "high": {"value": 5.50, "unit": "mmol/L"},
             "type": {"display": "normal"}, "text": "fasting"},
            {"text": "negative"}
        ],
        "specimen": {"display": "venous blood"}, "results": ["Glucose < 0.50"]
    }"#;
    let values = r#"[
        {"text": "cloudy"}, {"coded": {"display": "growth"}}, {"boolean": false}, {"integer": -3},
        {"time": "09:30:15"}, {"date_time": "2019-05"}, {"period": {"start": "2019-05", "end": "2019-06-07"}},
        {"range": {"low": {"value": 1.0}, "high": {"value": 5.00, "unit": "/HPF"}}},
        {"ratio": {"numerator": {"value": 1}, "denominator": {"value": 128.0, "comparator": ">="}}}
    ]"#;
    let values: Vec<Value> = serde_json::from_str(values).unwrap();
    let mut components: Vec<_> = values
        .into_iter()
        .map(|value| {
            json!({
                "code": words("A part"), "value": value, "interpretation": [words("normal")],
                "reference_range": [{"text": "any"}]
            })
        })
        .collect();
    components.push(
        json!({"code": words("A part"), "data_absent_reason": words("the sample was damaged")}),
    );
    let prescription = r#"{
        "medication": {"display": "A tablet of the pharmacy's own"}, "status": "active", "intent": "order",
        "category": "outpatient", "reported": false, "authored_on": "2025-03-01", "dosage": "As agreed",
        "dosage_instruction": [{
            "text": "1 to 2 tablets every 6 to 8 hours for pain",
            "timing": {
                "text": "not at night", "code": {"display": "QID"},
                "bounds": {"period": {"start": "2025-03-01", "end": "2025-03-31"}},
                "count": 10, "count_max": 20, "duration": 0.5, "duration_max": 1, "duration_unit": "h",
                "frequency": 1, "frequency_max": 2, "period": 6.0, "period_max": 8.0, "period_unit": "h",
                "day_of_week": ["mon", "sun"], "time_of_day": ["08:00:00"], "when": ["PC"], "offset": 30
            },
            "as_needed": true, "as_needed_for": {"display": "pain"},
            "site": {"display": "left arm"}, "route": {"display": "by mouth"},
            "dose": {"range": {"low": {"value": 1, "unit": "tablet"}, "high": {"value": 2, "unit": "tablet"}}},
            "rate": {"ratio": {"numerator": {"value": 2.50, "unit": "mL"}, "denominator": {"value": 1, "unit": "h"}}},
            "max_dose_per_period": {
                "numerator": {"value": 4.00, "unit": "g"}, "denominator": {"value": 24, "unit": "h"}
            },
            "max_dose_per_administration": {"value": 1.0, "unit": "g"}
        }, {
            "as_needed": false,
            "timing": {"bounds": {"duration": {"value": 10, "unit": "d", "code": "d"}}},
            "dose": {"quantity": {"value": 2.50, "unit": "mg"}}, "rate": {"quantity": {"value": 100, "unit": "mL/h"}}
        }],
        "dispense": {"quantity": {"value": 30, "unit": "tablet"}, "repeats": 3}
    }"#;
    let parsed = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let code = coded("http://snomed.info/sct", "38341003");
    vec![
        ("LAB_RESULT", parsed(result)),
        (
            "LAB_RESULT",
            json!({"code": words("Urine"), "effective": "2025", "components": components}),
        ),
        (
            "LAB_RESULT",
            json!({"code": code, "data_absent_reason": coded("http://example.org/reasons", "unknown")}),
        ),
        ("PRESCRIPTION", parsed(prescription)),
        (
            "PRESCRIPTION",
            json!({"medication": code, "dosage": "1 tablet", "as_needed": true}),
        ),
        (
            "DIAGNOSIS",
            json!({
                "code": words("An old wound"), "category": "problem-list-item", "clinical_status": "active",
                "verification_status": "refuted", "onset_text": "in childhood", "abatement_text": "before 30",
                "recorded_at": "2025-03"
            }),
        ),
        (
            "TREATMENT",
            json!({
                "code": words("Dressing"), "status": "not-done", "status_reason": words("the patient declined"),
                "performed_text": "last summer", "reason": words("An old wound")
            }),
        ),
        (
            "IMMUNIZATION",
            json!({
                "vaccine": words("A vaccine from abroad"), "status": "not-done", "status_reason": words("fever"),
                "occurrence_text": "in childhood", "primary_source": false,
                "dose": {"value": "0.50".parse::<Value>().unwrap(), "unit": "mL", "code": "mL"},
                "lot_number": "LOT 7-A", "expiration_date": "2031-03", "manufacturer": "Example Vaccines",
                "site": words("left arm"), "route": words("intramuscular"), "location": "Room 3"
            }),
        ),
        (
            "CARE_PLAN",
            json!({
                "category": words("Wound care"), "intent": "plan", "description": "Clean.\nRest.",
                "activities": [{"code": words("Change the dressing")}]
            }),
        ),
        (
            "IMAGING",
            json!({"modality": words("Photograph"), "body_site": words("left arm")}),
        ),
    ]
}

fn row(action: &'static str) -> Expected {
    match action {
        "CREATE" => audit("create-record", action, "MEDICAL_RECORD"),
        _ => audit("update-record", action, "MEDICAL_RECORD"),
    }
}

#[tokio::test]
async fn each_field_of_each_record_type_is_stored_and_read_as_it_was_sent() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    for (record_type, content) in full() {
        // When a provider writes a record with all fields
        let body =
            json!({"patient_id": ada.id, "record_type": record_type, "content": content.clone()});
        let made = vera.post("/v1/medical-records", body).await.expect(201);
        let id = made.id();

        // Then the row, the answer and the patient's read have each of them, digit by digit
        let stored = "select content::text as content from medical_records where id = $1";
        let stored = world.row(stored, &[&id]).await;
        let stored: Value = serde_json::from_str(stored["content"].as_str().unwrap()).unwrap();
        let read = ada.get(&format!("/v1/medical-records/{id}")).await;
        let read = read.expect(200);
        for kept in [&stored, &made.body["content"], &read.body["content"]] {
            assert_eq!(kept.to_string(), content.to_string(), "{record_type}");
        }
        let created = row("CREATE").by(&vera).resource(id).patient(ada.id);
        world.audited(&made, created).await;
    }
}

#[tokio::test]
async fn a_patch_changes_one_of_the_fields_and_removes_another() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let (_, content) = full().remove(0);
    let body = json!({"patient_id": ada.id, "record_type": "LAB_RESULT", "content": content});
    let made = vera.post("/v1/medical-records", body).await.expect(201);
    let path = format!("/v1/medical-records/{}", made.id());

    // When the value turns out to be wrong
    let patch = json!({"change_reason": "The sample was damaged", "content": {
        "value": null, "interpretation": null, "data_absent_reason": words("the sample was damaged")
    }});
    let changed = vera.patch(&path, 1, patch).await.expect(200);

    // Then the reason takes its place, and the other fields are as before
    let kept = &changed.body["content"];
    assert_eq!(kept["data_absent_reason"], words("the sample was damaged"));
    assert_eq!(kept["reference_range"], content["reference_range"]);
    assert!(kept.get("value").is_none() && kept.get("interpretation").is_none());
    let updated = row("UPDATE").by(&vera).resource(made.id()).patient(ada.id);
    let updated = updated.detail("fields", json!(["change_reason", "content"]));
    world.audited(&changed, updated).await;

    // And a value beside the reason is refused
    let patch =
        json!({"change_reason": "It is known after all", "content": {"value": {"integer": 5}}});
    vera.patch(&path, 2, patch)
        .await
        .invalid("content.data_absent_reason");
}

#[tokio::test]
async fn a_field_out_of_bounds_is_named_and_nothing_is_stored() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let contents = full();
    for (record_type, pointer, value, field) in [
        (
            "LAB_RESULT",
            "/value/quantity/comparator",
            json!("~"),
            "content.value.quantity.comparator",
        ),
        (
            "LAB_RESULT",
            "/interpretation/0/code",
            json!(" "),
            "content.interpretation[0].code",
        ),
        (
            "LAB_RESULT",
            "/reference_range/1",
            json!({}),
            "content.reference_range[1].low",
        ),
        (
            "LAB_RESULT",
            "/specimen",
            json!({}),
            "content.specimen.display",
        ),
        ("LAB_RESULT", "/issued", json!("2999"), "content.issued"),
        (
            "LAB_RESULT",
            "/effective_end",
            json!("2999"),
            "content.effective_end",
        ),
        (
            "PRESCRIPTION",
            "/dosage_instruction/0/timing/period_unit",
            json!("year"),
            "content.dosage_instruction[0].timing.period_unit",
        ),
        (
            "PRESCRIPTION",
            "/dosage_instruction/0/timing/frequency",
            json!(0),
            "content.dosage_instruction[0].timing.frequency",
        ),
        (
            "PRESCRIPTION",
            "/dosage_instruction/0/as_needed",
            json!(false),
            "content.dosage_instruction[0].as_needed",
        ),
        (
            "PRESCRIPTION",
            "/dosage_instruction/0/dose",
            json!({}),
            "content.dosage_instruction[0].dose",
        ),
        (
            "PRESCRIPTION",
            "/dispense/repeats",
            json!(-1),
            "content.dispense.repeats",
        ),
        (
            "DIAGNOSIS",
            "/onset_text",
            json!("x".repeat(501)),
            "content.onset_text",
        ),
        (
            "TREATMENT",
            "/status_reason",
            json!("declined"),
            "content.status_reason",
        ),
        (
            "IMMUNIZATION",
            "/lot_number",
            json!("x".repeat(101)),
            "content.lot_number",
        ),
        (
            "IMMUNIZATION",
            "/expiration_date",
            json!("soon"),
            "content.expiration_date",
        ),
        (
            "CARE_PLAN",
            "/description",
            json!("x".repeat(10_001)),
            "content.description",
        ),
    ] {
        let (_, content) = contents.iter().find(|(it, _)| *it == record_type).unwrap();
        let mut content = content.clone();
        *content.pointer_mut(pointer).unwrap() = value;
        let body = json!({"patient_id": ada.id, "record_type": record_type, "content": content});
        let expected = row("CREATE").by(&vera).attempted().so_far().patient(ada.id);
        world
            .invalid(vera.post("/v1/medical-records", body), field, expected)
            .await;
    }
}

#[tokio::test]
async fn allergies_with_reactions_and_goals_with_a_beginning_are_kept() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let path = format!("/v1/patients/{}", ada.id);
    let patch = json!({
        "allergies": [{
            "code": words("Grandmother's ointment"), "type": "intolerance", "category": ["medication"],
            "criticality": "low", "clinical_status": "active", "verification_status": "unconfirmed",
            "onset": "1999", "recorded_at": "2020-03",
            "reaction": [{"manifestation": [words("hives")], "severity": "mild", "description": "On the arm"}]
        }],
        "health_goals": [{"description": "Walk", "start_date": "2030-01", "target_date": "2031"}],
        "medical_history": [{"code": words("A broken arm")}]
    });
    let changed = vera.patch(&path, 2, patch.clone()).await.expect(200);
    let stored = "select allergies, health_goals, medical_history from patients where id = $1";
    let stored = world.row(stored, &[&ada.id]).await;
    for (field, value) in patch.as_object().unwrap() {
        assert_eq!(&stored[field], value, "{field}");
        assert_eq!(&changed.body[field], value, "{field}");
    }
    let allergies = json!([{"code": words("Latex"), "reaction": [{"manifestation": []}]}]);
    vera.patch(&path, 3, json!({ "allergies": allergies }))
        .await
        .invalid("allergies[0].reaction[0].manifestation");
}
