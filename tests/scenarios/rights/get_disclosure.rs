//! `GET /v1/disclosures/{id}`

use tests::prelude::*;

use super::{DISCLOSURES, recorded, row};

#[tokio::test]
async fn an_officer_reads_a_disclosure_and_the_reading_is_recorded() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = recorded(&officer, &ada, json!({"basis": "TREATMENT"})).await;
    let path = format!("{DISCLOSURES}/{id}");
    let answer = officer.get(&path).await.expect(200);
    assert_eq!(answer.body["is_accounted"], false);
    assert_eq!(answer.body["recipient_name"], "Department of Health");
    let row_of_read = row("get-disclosure", "READ", &officer).resource(id);
    world
        .audited(&answer, row_of_read.clone().patient(ada.id))
        .await;
    let denied = row("get-disclosure", "READ", &ada).resource(id);
    let denied = denied.patient(ada.id).denied("forbidden");
    world.refused(ada.get(&path), 403, denied).await;
    let nowhere = Uuid::now_v7();
    let absent = row("get-disclosure", "READ", &officer).resource(nowhere);
    world
        .refused(
            officer.get(&format!("{DISCLOSURES}/{nowhere}")),
            404,
            absent.failed("not-found"),
        )
        .await;
}
