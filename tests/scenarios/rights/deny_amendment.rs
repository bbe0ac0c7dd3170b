//! `POST /v1/amendments/{id}/deny`

use tests::prelude::*;

use super::{Chart, amendment_path, denial, stored};

#[tokio::test]
async fn an_amendment_is_denied_on_one_of_four_grounds_with_its_basis() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    for ground in [
        "NOT_CREATED_HERE",
        "NOT_IN_RECORD_SET",
        "NOT_OPEN_TO_ACCESS",
        "ACCURATE_AND_COMPLETE",
    ] {
        let id = chart.requested().await;
        let path = amendment_path(id, "/deny");
        let body = json!({"ground": ground, "basis": "For this reason."});
        let answer = vera.post(&path, body).await.expect(200);
        assert_eq!(answer.body["status"], "DENIED");
        assert_eq!(answer.body["denial_ground"], ground);
        assert_eq!(answer.body["denial_basis"], "For this reason.");
        assert_eq!(answer.body["decided_by"], json!(vera.user));
        assert_eq!(answer.body["addendum"], Value::Null);
        let row = chart.step("deny-amendment", vera, id);
        world.audited(&answer, row.detail("ground", ground)).await;
        assert_eq!(stored(world, id).await["denial_ground"], ground);
        let read = ada.get(&amendment_path(id, "")).await.expect(200);
        assert_eq!(read.body["denial_basis"], "For this reason.");
    }
    let id = chart.requested().await;
    let path = amendment_path(id, "/deny");
    for (body, field) in [
        (json!({"ground": "NO_TIME", "basis": "Too busy"}), "ground"),
        (json!({"basis": "Too busy"}), "ground"),
        (json!({"ground": "NOT_CREATED_HERE"}), "basis"),
        (json!({"ground": "NOT_CREATED_HERE", "basis": " "}), "basis"),
    ] {
        let failed = chart.step("deny-amendment", vera, id).so_far();
        world.invalid(vera.post(&path, body), field, failed).await;
    }
}

#[tokio::test]
async fn without_a_telephone_number_for_complaints_nothing_is_denied() {
    let chart = Chart::new().await;
    let (world, vera) = (&chart.world, &chart.vera);
    let id = chart.requested().await;
    let forget = "update settings set clinic_phone = null";
    world.sql(forget, &[]).await;
    let failed = chart
        .step("deny-amendment", vera, id)
        .detail("ground", "ACCURATE_AND_COMPLETE")
        .failed("conflict");
    let path = amendment_path(id, "/deny");
    let answer = world.refused(vera.post(&path, denial()), 409, failed).await;
    assert_eq!(
        answer.body["detail"],
        "The letter of a denial needs a telephone number for complaints. Ask the operator to set it with migrate \
         clinic-contact."
    );
    // An acceptance has no complaint.
    let path = amendment_path(id, "/accept");
    let accept = json!({"addendum": "Never smoked"});
    vera.post(&path, accept).await.expect(200);
}

#[tokio::test]
async fn a_decided_amendment_is_not_denied_and_others_are_refused() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.denied().await;
    let row = |caller: &Actor| {
        let row = chart.step("deny-amendment", caller, id);
        row.detail("ground", "ACCURATE_AND_COMPLETE")
    };
    let path = amendment_path(id, "/deny");
    let failed = row(vera).failed("conflict");
    world.refused(vera.post(&path, denial()), 409, failed).await;
    for caller in [&**ada, &chart.nurse().await, &world.officer().await] {
        let denied = row(caller).denied("forbidden");
        world
            .refused(caller.post(&path, denial()), 403, denied)
            .await;
    }
    let walt = world.provider("Walt").await;
    let deny = async |id| walt.post(&amendment_path(id, "/deny"), denial()).await;
    world.out_of_reach(row(&walt), deny).await;
}
