//! `POST /v1/amendments/{id}/rebut`

use tests::prelude::*;

use super::{Chart, amendment_path, stored};

fn rebuttal() -> Value {
    json!({"rebuttal": "Two nurses asked you."})
}

#[tokio::test]
async fn the_clinic_rebuts_a_disagreement_once_and_the_patient_reads_it() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = world.disputed_amendment(chart.note).await;
    let path = amendment_path(id, "/rebut");
    let answer = vera.post(&path, rebuttal()).await.expect(200);
    assert_eq!(answer.body["rebuttal"], "Two nurses asked you.");
    assert_eq!(answer.body["rebutted_by"], json!(vera.user));
    assert_eq!(answer.body["disagreement"], "I disagree.");
    let row = chart.step("rebut-disagreement", vera, id);
    world.audited(&answer, row.clone()).await;
    assert_eq!(stored(world, id).await["rebuttal"], "Two nurses asked you.");
    let read = ada.get(&amendment_path(id, "")).await.expect(200);
    assert_eq!(read.body["rebuttal"], "Two nurses asked you.");
    let failed = row.failed("conflict");
    let again = world
        .refused(vera.post(&path, rebuttal()), 409, failed)
        .await;
    assert_eq!(again.body["detail"], "There is a rebuttal already.");
}

#[tokio::test]
async fn without_a_disagreement_there_is_nothing_to_rebut_and_others_are_refused() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    for id in [chart.requested().await, chart.denied().await] {
        let failed = chart
            .step("rebut-disagreement", vera, id)
            .failed("conflict");
        let path = amendment_path(id, "/rebut");
        let answer = world
            .refused(vera.post(&path, rebuttal()), 409, failed)
            .await;
        assert_eq!(
            answer.body["detail"],
            "There is no statement of disagreement to rebut."
        );
    }
    let id = world.disputed_amendment(chart.note).await;
    let path = amendment_path(id, "/rebut");
    for body in [json!({}), json!({"rebuttal": ""})] {
        let failed = chart.step("rebut-disagreement", vera, id).so_far();
        world
            .invalid(vera.post(&path, body), "rebuttal", failed)
            .await;
    }
    for caller in [&**ada, &chart.nurse().await] {
        let denied = chart
            .step("rebut-disagreement", caller, id)
            .denied("forbidden");
        world
            .refused(caller.post(&path, rebuttal()), 403, denied)
            .await;
    }
    let walt = world.provider("Walt").await;
    let row = chart.step("rebut-disagreement", &walt, id);
    let rebut = async |id| walt.post(&amendment_path(id, "/rebut"), rebuttal()).await;
    world.out_of_reach(row, rebut).await;
}
