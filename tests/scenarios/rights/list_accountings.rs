//! `GET /v1/accountings`

use tests::prelude::*;

use super::{ACCOUNTINGS, row};

#[tokio::test]
async fn accountings_are_found_by_patient_status_and_page() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let officer = world.officer().await;
    let provided = world.provided_accounting(ada.id).await;
    let (open, other) = (
        world.accounting(ada.id).await,
        world.accounting(ben.id).await,
    );
    for (caller, query, expected) in [
        (&officer, String::new(), vec![other, open, provided]),
        (
            &officer,
            format!("patient_id={}", ada.id),
            vec![open, provided],
        ),
        (&officer, "status=PROVIDED".to_owned(), vec![provided]),
        (&officer, "status=OPEN".to_owned(), vec![other, open]),
        (&officer, "overdue=true".to_owned(), vec![]),
        (&*ada, String::new(), vec![open, provided]),
        (&*ada, format!("patient_id={}", ben.id), vec![]),
        (&*ben, String::new(), vec![other]),
    ] {
        let answer = caller
            .get(&format!("{ACCOUNTINGS}?{query}"))
            .await
            .expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
    }
    let first = officer
        .get(&format!("{ACCOUNTINGS}?limit=2"))
        .await
        .expect(200);
    let row_of_list = row("list-accountings", "SEARCH", &officer);
    world
        .audited(&first, row_of_list.clone().patient(ada.id).patient(ben.id))
        .await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = officer
        .get(&format!("{ACCOUNTINGS}?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second.expect(200).ids(), [provided]);
    let wrong = format!("{ACCOUNTINGS}?status=LOST");
    world
        .invalid(officer.get(&wrong), "status", row_of_list)
        .await;
}
