//! `POST /v1/amendments/{id}/extend`

use tests::prelude::*;

use super::{Chart, age, amendment_path, clinic_day, stored};

fn extension() -> Value {
    json!({"reason": "The laboratory is closed."})
}

#[tokio::test]
async fn the_time_is_extended_once_by_thirty_days_with_a_reason_that_the_patient_reads() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    // The last day of the sixty is early enough.
    age(world, id, 60).await;
    let path = amendment_path(id, "/extend");
    let row = chart.step("extend-amendment", vera, id);
    let answer = vera.post(&path, extension()).await.expect(200);
    let due = clinic_day(world, 30).await;
    assert_eq!(answer.body["due_on"], json!(due));
    assert_eq!(answer.body["extended_by"], json!(vera.user));
    assert_eq!(answer.body["is_overdue"], false);
    world.audited(&answer, row.clone()).await;
    let saved = stored(world, id).await;
    assert_eq!(saved["due_on"], json!(due));
    assert_eq!(saved["extension_reason"], "The laboratory is closed.");
    let read = ada.get(&amendment_path(id, "")).await.expect(200);
    assert_eq!(read.body["extension_reason"], "The laboratory is closed.");
    assert_eq!(read.body["due_on"], json!(due));
    let again = row.failed("conflict");
    let again = world
        .refused(vera.post(&path, extension()), 409, again)
        .await;
    assert_eq!(
        again.body["detail"],
        "The time was extended already. The law allows one extension of 30 days."
    );
}

#[tokio::test]
async fn after_the_due_date_or_the_decision_the_time_is_not_extended() {
    let chart = Chart::new().await;
    let (world, vera) = (&chart.world, &chart.vera);
    let (late, decided) = (chart.requested().await, chart.denied().await);
    age(world, late, 61).await;
    for (id, detail) in [
        (
            late,
            "The due date is over, so the time can't be extended any more. Decide now.",
        ),
        (
            decided,
            "The clinic has decided about the amendment already, or another entity told it.",
        ),
    ] {
        let failed = chart.step("extend-amendment", vera, id).failed("conflict");
        let path = amendment_path(id, "/extend");
        let answer = world
            .refused(vera.post(&path, extension()), 409, failed)
            .await;
        assert_eq!(answer.body["detail"], detail);
    }
}

#[tokio::test]
async fn it_needs_a_reason_and_somebody_who_decides() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    let path = amendment_path(id, "/extend");
    for body in [json!({}), json!({"reason": ""})] {
        let failed = chart.step("extend-amendment", vera, id).so_far();
        world
            .invalid(vera.post(&path, body), "reason", failed)
            .await;
    }
    for caller in [&**ada, &chart.nurse().await, &world.admin().await] {
        let denied = chart
            .step("extend-amendment", caller, id)
            .denied("forbidden");
        world
            .refused(caller.post(&path, extension()), 403, denied)
            .await;
    }
    let walt = world.provider("Walt").await;
    let row = chart.step("extend-amendment", &walt, id);
    let extend = async |id| walt.post(&amendment_path(id, "/extend"), extension()).await;
    world.out_of_reach(row, extend).await;
}
