//! `GET /v1/incidents/{id}/patients`

use tests::audit::Expected;
use tests::prelude::*;

use super::{INCIDENTS, clinic_day, incident_path, raise, read};

fn row() -> Expected {
    audit("list-incident-patients", "READ", "INCIDENT")
}

fn path(id: Uuid) -> String {
    format!("{}/patients", incident_path(id))
}

#[tokio::test]
async fn each_patient_has_what_was_accessed_and_how_they_were_notified() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Well.").await;
    let mut evidence = vec![
        read(&world, &vera, &ada).await,
        read(&world, &vera, &ada).await,
    ];
    for path in [
        format!("/v1/medical-records/{note}"),
        format!("/v1/medical-records?patient_id={}", ada.id),
    ] {
        let answer = vera.get(&path).await.expect(200);
        evidence.push(world.audit_of(&answer).await.remove(0).entry.id.into());
    }
    let alert = raise(&world, Some(vera.user), Some(ben.id), &evidence).await;
    let new = json!({"alert_id": alert, "summary": "A provider read a chart."});
    let id = officer.post(INCIDENTS, new).await.expect(201).id();

    let listed = officer.get(&path(id)).await.expect(200);
    let expected = row().by(&officer).resource(id);
    let expected = expected.patient(ada.id).patient(ben.id);
    world.audited(&listed, expected).await;
    let items = listed.body["items"].as_array().unwrap();
    let of = |patient: &Patient| {
        let mut found = items
            .iter()
            .filter(|item| item["patient_id"] == json!(patient.id));
        found.next().unwrap()
    };
    assert_eq!(
        of(&ada)["accesses"],
        json!({"PATIENT": 2, "MEDICAL_RECORD": 2})
    );
    assert!(of(&ada)["first_at"].as_str() < of(&ada)["last_at"].as_str());
    assert_eq!(of(&ben)["accesses"], json!({}));
    for field in ["first_at", "notified_on", "notified_by", "reason"] {
        assert_eq!(of(&ben)[field], Value::Null, "{field}");
    }

    // Pages, and a notice
    let breach = world.breach(&[ada.id, ben.id]).await;
    let today = clinic_day(&world, 0).await;
    let notice = "insert into incident_notices (incident_id, recipient, patient_id, means, sent_on, note)
                  select $1, 'PATIENT', $2, m::notice_means, clinic_day(now()), 'Called' from unnest($3::text[]) as m";
    let means = ["URGENT_CALL", "EMAIL"].map(str::to_owned);
    world.sql(notice, &[&breach, &ada.id, &&means[..]]).await;
    let mut cursor = String::new();
    let mut notified = Vec::new();
    for _ in 0..2 {
        let page = format!("{}?limit=1{cursor}", path(breach));
        let page = officer.get(&page).await.expect(200);
        let item = &page.body["items"][0];
        notified.push((
            item["patient_id"].clone(),
            item["notified_on"].clone(),
            item["notified_by"].clone(),
        ));
        cursor = format!(
            "&cursor={}",
            page.body["next_cursor"].as_str().unwrap_or_default()
        );
    }
    assert_eq!(cursor, "&cursor=");
    let mut expected = vec![
        (json!(ada.id), json!(today), json!("EMAIL")),
        (json!(ben.id), Value::Null, Value::Null),
    ];
    expected.sort_by_key(|(id, ..)| id.to_string());
    assert_eq!(notified, expected);
}

#[tokio::test]
async fn an_incident_without_patients_has_an_empty_list_and_an_absent_one_has_none() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let id = world.incident(&[]).await;
    let empty = officer.get(&path(id)).await.expect(200);
    assert_eq!(empty.body["items"], json!([]));
    world.audited(&empty, row().by(&officer).resource(id)).await;
    let absent = Uuid::now_v7();
    let failed = row().by(&officer).resource(absent).failed("not-found");
    world.refused(officer.get(&path(absent)), 404, failed).await;
    let denied = row().by(&admin).resource(id).denied("forbidden");
    world.refused(admin.get(&path(id)), 403, denied).await;
}
