//! `POST /v1/accountings/{id}/extend`

use tests::prelude::*;

use super::{ACCOUNTINGS, day, row};

#[tokio::test]
async fn an_accounting_is_due_in_sixty_days_and_extended_once_by_thirty_with_a_reason() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let body = json!({"patient_id": ada.id, "received_on": day(50)});
    let request = officer.post(ACCOUNTINGS, body.clone()).await.expect(201);
    assert_eq!(request.body["due_on"], day(-10));
    // Patients can't say that they asked earlier.
    let own = ada.post(ACCOUNTINGS, body).await.expect(201);
    assert_eq!(own.body["received_on"], day(0));
    let path = format!("{ACCOUNTINGS}/{}", request.id());
    let extend = format!("{path}/extend");
    let reason = || json!({"reason": "The archive is moving."});
    let denied = row("extend-accounting", "UPDATE", &ada)
        .resource(request.id())
        .patient(ada.id);
    world
        .refused(ada.post(&extend, reason()), 403, denied.denied("forbidden"))
        .await;
    let extended = officer.post(&extend, reason()).await.expect(200);
    assert_eq!(extended.body["due_on"], day(-40));
    assert_eq!(extended.body["extension_reason"], "The archive is moving.");
    assert_eq!(extended.body["extended_by"], json!(officer.user));
    let row_of_extension = row("extend-accounting", "UPDATE", &officer)
        .resource(request.id())
        .patient(ada.id);
    world.audited(&extended, row_of_extension).await;
    officer
        .post(&extend, reason())
        .await
        .problem(409, "conflict");
    officer
        .post(&extend, json!({"reason": ""}))
        .await
        .invalid("reason");

    world
        .rewrite_history(
            "update accountings set received_on = received_on - 100, due_on = due_on - 100,
             covered_from = received_on - 100, covered_until = received_on - 100",
        )
        .await;
    let late = format!("{ACCOUNTINGS}/{}/extend", own.id());
    officer.post(&late, reason()).await.problem(409, "conflict");
    for caller in [&officer, &*ada] {
        let overdue = format!("{ACCOUNTINGS}?overdue=true&patient_id={}", ada.id);
        let overdue = caller.get(&overdue).await.expect(200);
        assert_eq!(overdue.ids(), [own.id(), request.id()]);
        let others = format!("{ACCOUNTINGS}?overdue=false");
        assert_eq!(caller.get(&others).await.expect(200).ids(), [] as [Uuid; 0]);
    }
}
