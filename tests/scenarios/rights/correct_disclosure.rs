//! `POST /v1/disclosures/{id}/corrections`

use tests::prelude::*;

use super::{DISCLOSURES, accounting, disclosure, purposes, recorded, row};

#[tokio::test]
async fn a_correction_replaces_a_disclosure_once_and_overwrites_nothing() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let officer = world.officer().await;
    let wrong = recorded(&officer, &ada, json!({"purpose": "Wrong"})).await;
    let path = format!("{DISCLOSURES}/{wrong}");
    let before = officer.get(&path).await.expect(200).body;
    let correction =
        |fields| json!({"reason": "A typing error", "disclosure": disclosure(&ada, fields)});
    let corrected = officer
        .post(
            &format!("{path}/corrections"),
            correction(json!({"purpose": "Right"})),
        )
        .await
        .expect(200);
    let id = corrected.id();
    assert_eq!(corrected.body["corrects_id"], json!(wrong));
    let row_of_correction = row("correct-disclosure", "UPDATE", &officer)
        .resource(wrong)
        .patient(ada.id)
        .detail("correction_id", id.to_string());
    world.audited(&corrected, row_of_correction).await;
    let mut after = officer.get(&path).await.expect(200).body;
    assert_eq!(after["corrected_by_id"], json!(id));
    after["corrected_by_id"] = Value::Null;
    assert_eq!(after, before);
    officer
        .post(&format!("{path}/corrections"), correction(json!({})))
        .await
        .problem(409, "conflict");
    let other = json!({"reason": "Another patient", "disclosure": disclosure(&ben, json!({}))});
    officer
        .post(&format!("{DISCLOSURES}/{id}/corrections"), other)
        .await
        .invalid("disclosure.patient_id");
    let list = format!("{DISCLOSURES}?patient_id={}", ada.id);
    let listed = officer.get(&list).await.expect(200);
    assert_eq!(listed.ids(), [id]);
    world
        .audited(
            &listed,
            row("list-disclosures", "SEARCH", &officer).patient(ada.id),
        )
        .await;
    let all = format!("{list}&include_corrected=true");
    assert_eq!(officer.get(&all).await.expect(200).ids(), [id, wrong]);
    assert_eq!(purposes(&accounting(&officer, &ada).await), ["Right"]);

    let mut withdrawn = correction(json!({"purpose": "Right"}));
    withdrawn["is_withdrawn"] = json!(true);
    officer
        .post(&format!("{DISCLOSURES}/{id}/corrections"), withdrawn)
        .await
        .expect(200);
    assert_eq!(
        purposes(&accounting(&officer, &ada).await),
        Vec::<&str>::new()
    );
}
