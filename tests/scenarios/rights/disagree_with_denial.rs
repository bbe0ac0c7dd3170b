//! `POST /v1/amendments/{id}/disagree`

use tests::prelude::*;

use super::{Chart, acceptance, amendment_path, stored};

fn statement() -> Value {
    json!({"statement": "Nobody asked me."})
}

#[tokio::test]
async fn the_patient_states_once_that_they_disagree_with_a_denial() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.denied().await;
    let path = amendment_path(id, "/disagree");
    let answer = ada.post(&path, statement()).await.expect(200);
    assert_eq!(answer.body["disagreement"], "Nobody asked me.");
    assert_eq!(answer.body["disagreed_by"], json!(ada.user));
    assert_eq!(answer.body["status"], "DENIED");
    let row = chart.step("disagree-with-denial", ada, id);
    world.audited(&answer, row.clone()).await;
    assert_eq!(stored(world, id).await["disagreement"], "Nobody asked me.");
    let read = vera.get(&amendment_path(id, "")).await.expect(200);
    assert_eq!(read.body["disagreement"], "Nobody asked me.");
    let failed = row.failed("conflict");
    let again = world
        .refused(ada.post(&path, statement()), 409, failed)
        .await;
    assert_eq!(
        again.body["detail"],
        "There is a statement of disagreement already."
    );
}

#[tokio::test]
async fn a_representative_states_it_and_the_care_team_records_it_for_the_patient() {
    let chart = Chart::new().await;
    let (world, ada) = (&chart.world, &chart.ada);
    let paul = world.user("PATIENT", "Paul").await;
    world.represent(paul.user, ada, None).await;
    for caller in [&paul, &chart.nurse().await] {
        let id = chart.denied().await;
        let path = amendment_path(id, "/disagree");
        let answer = caller.post(&path, statement()).await.expect(200);
        assert_eq!(answer.body["disagreed_by"], json!(caller.user));
        let row = chart.step("disagree-with-denial", caller, id);
        world.audited(&answer, row).await;
    }
}

#[tokio::test]
async fn there_is_nothing_to_disagree_with_before_a_denial_or_after_an_acceptance() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let (open, accepted) = (chart.requested().await, chart.requested().await);
    let path = amendment_path(accepted, "/accept");
    vera.post(&path, acceptance()).await.expect(200);
    for id in [open, accepted] {
        let failed = chart
            .step("disagree-with-denial", ada, id)
            .failed("conflict");
        let path = amendment_path(id, "/disagree");
        world
            .refused(ada.post(&path, statement()), 409, failed)
            .await;
    }
    let id = chart.denied().await;
    let path = amendment_path(id, "/disagree");
    for body in [json!({}), json!({"statement": "x".repeat(4001)})] {
        let failed = chart.step("disagree-with-denial", ada, id).so_far();
        world
            .invalid(ada.post(&path, body), "statement", failed)
            .await;
    }
    let (ben, admin) = (world.patient("Ben").await, world.admin().await);
    let denied = chart
        .step("disagree-with-denial", &admin, id)
        .denied("forbidden");
    world
        .refused(admin.post(&path, statement()), 403, denied)
        .await;
    let row = chart.step("disagree-with-denial", &ben, id);
    let disagree = async |id| {
        ben.post(&amendment_path(id, "/disagree"), statement())
            .await
    };
    world.out_of_reach(row, disagree).await;
}
