//! `GET /v1/disclosures`

use tests::prelude::*;

use super::{DISCLOSURES, recorded, row};

#[tokio::test]
async fn disclosures_are_found_by_patient_basis_and_page() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let officer = world.officer().await;
    let first = recorded(&officer, &ada, json!({})).await;
    let second = recorded(&officer, &ben, json!({})).await;
    let third = recorded(&officer, &ada, json!({"basis": "TREATMENT"})).await;
    for (query, expected) in [
        (String::new(), vec![third, second, first]),
        (format!("patient_id={}", ada.id), vec![third, first]),
        ("basis=TREATMENT".to_owned(), vec![third]),
        ("basis=JUDICIAL".to_owned(), vec![]),
    ] {
        let answer = officer.get(&format!("{DISCLOSURES}?{query}")).await;
        assert_eq!(answer.expect(200).ids(), expected, "{query}");
    }
    let page = officer
        .get(&format!("{DISCLOSURES}?limit=2"))
        .await
        .expect(200);
    let row_of_list = row("list-disclosures", "SEARCH", &officer);
    world
        .audited(&page, row_of_list.clone().patient(ada.id).patient(ben.id))
        .await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let next = officer
        .get(&format!("{DISCLOSURES}?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(next.expect(200).ids(), [first]);
    let wrong = format!("{DISCLOSURES}?basis=CURIOSITY");
    world
        .invalid(officer.get(&wrong), "basis", row_of_list)
        .await;
}
