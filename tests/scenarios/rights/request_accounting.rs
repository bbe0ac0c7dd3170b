//! `POST /v1/accountings`

use tests::prelude::*;

use super::{ACCOUNTINGS, accounting, day, purposes, recorded};

#[tokio::test]
async fn several_disclosures_to_one_recipient_are_one_entry_and_only_the_period_counts() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let weekly = json!({
        "purpose": "Registry", "disclosed_on": day(300), "last_on": day(20), "times": 40, "frequency": "each Monday"
    });
    recorded(&officer, &ada, weekly).await;
    recorded(
        &officer,
        &ada,
        json!({"purpose": "Old", "disclosed_on": day(400)}),
    )
    .await;
    recorded(
        &officer,
        &ada,
        json!({"purpose": "Ancient", "disclosed_on": day(7 * 366)}),
    )
    .await;
    let report = accounting(&officer, &ada).await;
    assert_eq!(purposes(&report), ["Old", "Registry"]);
    let html = report["html"].as_str().unwrap();
    let days = format!(
        "40 times (each Monday), first {}, last {}",
        day(300),
        day(20)
    );
    assert!(html.contains(&days), "{html}");

    let body = json!({"patient_id": ada.id, "covered_from": day(100), "covered_until": day(10)});
    let id = officer.post(ACCOUNTINGS, body).await.expect(201).id();
    let path = format!("{ACCOUNTINGS}/{id}");
    officer
        .post_nothing(&format!("{path}/provide"))
        .await
        .expect(200);
    let report = officer
        .get(&format!("{path}/report"))
        .await
        .expect(200)
        .body;
    assert_eq!(purposes(&report), ["Registry"]);

    for (fields, field) in [
        (json!({"covered_from": day(7 * 366)}), "covered_from"),
        (json!({"covered_until": day(-1)}), "covered_from"),
        (json!({"received_on": day(-1)}), "received_on"),
        (json!({"patient_id": Uuid::now_v7()}), "patient_id"),
    ] {
        let mut body = json!({"patient_id": ada.id});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        officer.post(ACCOUNTINGS, body).await.invalid(field);
    }
}
