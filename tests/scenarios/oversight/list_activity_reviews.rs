//! `GET /v1/activity-reviews`

use tests::audit::Expected;
use tests::prelude::*;

use super::{REVIEWS, signed};

fn row(caller: &Actor) -> Expected {
    audit("list-activity-reviews", "SEARCH", "ACTIVITY_REVIEW").by(caller)
}

#[tokio::test]
async fn reviews_are_listed_by_their_periods_in_pages_and_by_signature() {
    let world = World::new().await;
    let officer = world.officer().await;
    let mut ids = Vec::new();
    for month in ["2026-02", "2026-03", "2026-01"] {
        let body =
            json!({"covered_from": format!("{month}-01"), "covered_until": format!("{month}-28")});
        ids.push(officer.post(REVIEWS, body).await.expect(201).id());
    }
    let latest_first = [ids[1], ids[0], ids[2]];
    signed(&officer, ids[0]).await;
    let all = officer.get(REVIEWS).await.expect(200);
    assert_eq!(all.ids(), latest_first);
    world.audited(&all, row(&officer)).await;
    let [unsigned, with_signature] = ["false", "true"].map(|is| format!("{REVIEWS}?signed={is}"));
    let unsigned = officer.get(&unsigned).await.expect(200);
    assert_eq!(unsigned.ids(), [ids[1], ids[2]]);
    let with_signature = officer.get(&with_signature).await.expect(200);
    assert_eq!(with_signature.ids(), [ids[0]]);
    assert_eq!(
        with_signature.body["items"][0]["signed_by"],
        json!(officer.user)
    );
    let first = officer.get(&format!("{REVIEWS}?limit=2")).await.expect(200);
    assert_eq!(first.ids(), latest_first[..2]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = officer
        .get(&format!("{REVIEWS}?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(rest.expect(200).ids(), latest_first[2..]);
}

#[tokio::test]
async fn other_roles_list_no_review() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    world.activity_review().await;
    for caller in [&*ada, &*vera, &admin] {
        let denied = row(caller).denied("forbidden");
        world.refused(caller.get(REVIEWS), 403, denied).await;
    }
}
