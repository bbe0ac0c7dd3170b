//! `PATCH /v1/accountings/{id}`

use tests::prelude::*;

use super::{ACCOUNTINGS, day, requested, row};

#[tokio::test]
async fn the_first_accounting_in_twelve_months_is_free_and_a_fee_is_accepted_first() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    migrations::set_accounting_fee(&world.superuser_url(), None, 1500)
        .await
        .unwrap();
    let first = requested(&ada, &ada).await;
    assert_eq!(
        (&first.body["fee_cents"], &first.body["status"]),
        (&json!(0), &json!("OPEN"))
    );
    let second = requested(&ada, &ada).await;
    assert_eq!(second.body["fee_cents"], 1500);
    assert_eq!(second.body["status"], "AWAITING_CONSENT");
    let path = format!("{ACCOUNTINGS}/{}", second.id());
    officer
        .post_nothing(&format!("{path}/provide"))
        .await
        .problem(409, "conflict");
    let accepted = ada
        .patch(&path, 1, json!({"status": "OPEN"}))
        .await
        .expect(200);
    assert_ne!(accepted.body["fee_accepted_at"], Value::Null);
    let row_of_change = row("update-accounting", "UPDATE", &ada)
        .resource(second.id())
        .patient(ada.id)
        .detail("fields", json!(["status"]))
        .detail("status", "OPEN");
    world.audited(&accepted, row_of_change).await;
    ada.patch(&path, 2, json!({"status": "PROVIDED"}))
        .await
        .invalid("status");
    let narrowed = json!({"covered_from": day(90)});
    assert_eq!(
        ada.patch(&path, 2, narrowed).await.expect(200).body["covered_from"],
        day(90)
    );
    ada.patch(&path, 3, json!({"status": "WITHDRAWN"}))
        .await
        .expect(200);
    ada.patch(&path, 4, json!({"status": "OPEN"}))
        .await
        .problem(409, "conflict");
    // A year after the first, another one is free.
    world
        .rewrite_history(
            "update accountings set received_on = received_on - 366, due_on = due_on - 366,
             covered_from = received_on - 366, covered_until = received_on - 366",
        )
        .await;
    assert_eq!(requested(&ada, &ada).await.body["fee_cents"], 0);
}
