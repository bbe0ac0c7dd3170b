//! `POST /v1/disclosures`

use tests::prelude::*;

use super::{ACCOUNTINGS, DISCLOSURES, accounting, day, disclosure, recorded, requested, row};

#[tokio::test]
async fn an_officer_records_a_disclosure_and_the_patient_reads_it_in_their_accounting() {
    let world = World::new().await;
    world.set_clinic_contact().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let answer = officer
        .post(DISCLOSURES, disclosure(&ada, json!({})))
        .await
        .expect(201);
    let id = answer.id();
    assert_eq!(answer.body["is_accounted"], true);
    assert_eq!(answer.body["recorded_by"], json!(officer.user));
    let row_of_record = row("record-disclosure", "CREATE", &officer)
        .resource(id)
        .patient(ada.id)
        .detail("basis", "PUBLIC_HEALTH");
    world.audited(&answer, row_of_record).await;

    let request = requested(&ada, &ada).await;
    let accounting = request.id();
    let row_of_request = row("request-accounting", "CREATE", &ada)
        .resource(accounting)
        .patient(ada.id);
    world.audited(&request, row_of_request).await;
    assert_eq!(request.body["status"], "OPEN");
    assert_eq!(request.body["received_on"], day(0));
    assert_eq!(request.body["due_on"], day(-60));
    assert_eq!(request.body["covered_until"], day(0));
    assert_eq!(request.body["fee_cents"], 0);
    let path = format!("{ACCOUNTINGS}/{accounting}");
    ada.get(&format!("{path}/report"))
        .await
        .problem(409, "conflict");
    let provided = officer
        .post_nothing(&format!("{path}/provide"))
        .await
        .expect(200);
    assert_eq!(provided.body["status"], "PROVIDED");
    assert_eq!(provided.body["provided_by"], json!(officer.user));
    let row_of_answer = row("provide-accounting", "UPDATE", &officer)
        .resource(accounting)
        .patient(ada.id);
    world.audited(&provided, row_of_answer).await;

    let report = ada.get(&format!("{path}/report")).await.expect(200);
    let row_of_report = row("get-accounting-report", "READ", &ada)
        .resource(accounting)
        .patient(ada.id);
    world.audited(&report, row_of_report).await;
    assert_eq!(
        report.body["entries"],
        json!([{
            "source": "RECORDED", "source_id": id, "disclosed_on": day(30), "last_on": null, "times": null,
            "frequency": null, "recipient_name": "Department of Health",
            "recipient_address": "1 Sample Street, Springfield", "description": "A laboratory result",
            "purpose": "The law requires the report of this disease.", "request_file_id": null,
            "basis": "PUBLIC_HEALTH",
        }])
    );
    let html = report.body["html"].as_str().unwrap();
    for text in [
        "Ada Example",
        "Department of Health",
        "Sample Clinic",
        "1-800-555-0100",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert_eq!(
        report.body["csv"].as_str().unwrap().lines().nth(1).unwrap(),
        format!(
            "{},,,,Department of Health,\"1 Sample Street, Springfield\",A laboratory result,\
             The law requires the report of this disease.,,PUBLIC_HEALTH",
            day(30)
        )
    );
}

#[tokio::test]
async fn fields_that_do_not_fit_together_and_formulas_are_made_harmless() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    for (fields, field) in [
        (json!({"patient_id": Uuid::now_v7()}), "patient_id"),
        (json!({"disclosed_on": day(-1)}), "disclosed_on"),
        (json!({"last_on": day(20)}), "last_on"),
        (json!({"last_on": day(40), "times": 3}), "last_on"),
        (json!({"purpose": null}), "purpose"),
        (
            json!({"purpose": null, "request_file_id": Uuid::now_v7()}),
            "request_file_id",
        ),
        (json!({"basis": "CURIOSITY"}), "basis"),
    ] {
        let refused = officer.post(DISCLOSURES, disclosure(&ada, fields)).await;
        refused.invalid(field);
    }
    let file = world.uploaded(&ada, "application/pdf", files::PDF).await;
    recorded(
        &officer,
        &ada,
        json!({"purpose": null, "request_file_id": file}),
    )
    .await;
    recorded(
        &officer,
        &ada,
        json!({"recipient_name": "=cmd|'/c calc'!A1", "description": "<script>alert(1)</script>"}),
    )
    .await;
    let report = accounting(&officer, &ada).await;
    let csv = report["csv"].as_str().unwrap();
    assert!(csv.contains(",'=cmd|'/c calc'!A1,"), "{csv}");
    let html = report["html"].as_str().unwrap();
    assert!(!html.contains("<script>"), "{html}");
    assert!(html.contains(&format!("See the copy of the request: file {file}")));
    let ledger = "update disclosures set purpose = 'x'";
    assert!(world.connect().await.batch_execute(ledger).await.is_err());
}
