//! `GET /v1/patients/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-patient", "READ", "PATIENT")
}

#[tokio::test]
async fn a_patient_reads_her_own_chart_with_its_clinical_fields() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let answer = ada
        .get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    assert_eq!(answer.body["id"], json!(ada.id));
    assert_eq!(answer.body["user_id"], json!(ada.user));
    assert_eq!(answer.body["first_name"], "Ada");
    assert_eq!(answer.body["date_of_birth"], "1990-05-17");
    assert_eq!(answer.body["gender"], "female");
    assert_eq!(answer.body["allergies"][0]["code"]["code"], "91935009");
    assert_eq!(answer.header("etag"), "\"1\"");
    world
        .audited(&answer, row().by(&ada).resource(ada.id).patient(ada.id))
        .await;
}
