//! `POST /v1/amendments/{id}/informed`

use tests::prelude::*;

use super::{Chart, amendment_path, clinic_day};

fn informed(recipient: Uuid, day: &str) -> Value {
    json!({"recipient_id": recipient, "informed_on": day, "means": "Letter"})
}

#[tokio::test]
async fn each_recipient_of_an_accepted_amendment_is_informed_once_with_day_and_means() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    // The recipient has the id of the amendment.
    let id = world.accepted_amendment(chart.note).await;
    let path = amendment_path(id, "/informed");
    let today = clinic_day(world, 0).await;
    let answer = vera.post(&path, informed(id, &today)).await.expect(200);
    let recipient = &answer.body["recipients"][0];
    assert_eq!(recipient["informed_on"], json!(today));
    assert_eq!(recipient["informed_by_means"], "Letter");
    assert_eq!(recipient["informed_by"], json!(vera.user));
    let row = chart.step("record-informed-recipient", vera, id);
    let row = row.detail("recipient_id", json!(id));
    world.audited(&answer, row.clone()).await;
    let stored = "select informed_on, informed_by, informed_at is not null as timed from amendment_recipients";
    assert_eq!(
        world.row(stored, &[]).await,
        json!({"informed_on": today, "informed_by": vera.user, "timed": true})
    );
    let read = ada.get(&amendment_path(id, "")).await.expect(200);
    assert_eq!(read.body["recipients"][0]["informed_on"], json!(today));
    let again = row.failed("conflict");
    world
        .refused(vera.post(&path, informed(id, &today)), 409, again)
        .await;
}

#[tokio::test]
async fn it_needs_an_accepted_amendment_its_recipient_and_a_day_since_the_decision() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let today = clinic_day(world, 0).await;
    let row = |caller: &Actor, id: Uuid, recipient: Uuid| {
        let row = chart.step("record-informed-recipient", caller, id);
        row.detail("recipient_id", json!(recipient))
    };
    let open = world.amendment(chart.note).await;
    let failed = row(vera, open, open).failed("conflict");
    let path = amendment_path(open, "/informed");
    world
        .refused(vera.post(&path, informed(open, &today)), 409, failed)
        .await;
    let id = world.accepted_amendment(chart.note).await;
    let path = amendment_path(id, "/informed");
    for day in [clinic_day(world, 1).await, clinic_day(world, -1).await] {
        let failed = row(vera, id, id);
        world
            .invalid(vera.post(&path, informed(id, &day)), "informed_on", failed)
            .await;
    }
    // The recipient of another amendment
    let failed = row(vera, id, open);
    world
        .invalid(
            vera.post(&path, informed(open, &today)),
            "recipient_id",
            failed,
        )
        .await;
    for caller in [&**ada, &chart.nurse().await] {
        let denied = row(caller, id, id).denied("forbidden");
        world
            .refused(caller.post(&path, informed(id, &today)), 403, denied)
            .await;
    }
    let walt = world.provider("Walt").await;
    let inform = async |other| {
        let path = amendment_path(other, "/informed");
        walt.post(&path, informed(id, &today)).await
    };
    world.out_of_reach(row(&walt, id, id), inform).await;
}
