//! `GET /v1/legal-holds`

use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/legal-holds";

fn row() -> Expected {
    audit("list-legal-holds", "SEARCH", "LEGAL_HOLD")
}

#[tokio::test]
async fn holds_are_listed_newest_first_by_patient_and_by_state() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let admin = world.admin().await;
    let mut ids = Vec::new();
    for body in [
        json!({"patient_id": ada.id, "reason": "1"}),
        json!({"patient_id": ben.id, "reason": "2"}),
        json!({"reason": "3"}),
    ] {
        ids.push(admin.post(PATH, body).await.expect(200).id());
    }
    admin
        .post(
            &format!("{PATH}/{}/release", ids[0]),
            json!({"reason": "Closed"}),
        )
        .await
        .expect(200);

    let all = admin.get(PATH).await.expect(200);
    assert_eq!(all.ids(), [ids[2], ids[1], ids[0]]);
    world
        .audited(&all, row().by(&admin).patient(ada.id).patient(ben.id))
        .await;
    let query = format!("{PATH}?is_in_force=true");
    assert_eq!(admin.get(&query).await.expect(200).ids(), [ids[2], ids[1]]);
    let query = format!("{PATH}?is_in_force=false");
    assert_eq!(admin.get(&query).await.expect(200).ids(), [ids[0]]);
    let query = format!("{PATH}?patient_id={}", ben.id);
    let bens = admin.get(&query).await.expect(200);
    assert_eq!(bens.ids(), [ids[1]]);
    world.audited(&bens, row().by(&admin).patient(ben.id)).await;

    // Pages
    let first = admin.get(&format!("{PATH}?limit=2")).await.expect(200);
    assert_eq!(first.ids(), [ids[2], ids[1]]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = admin.get(&format!("{PATH}?limit=2&cursor={cursor}")).await;
    assert_eq!(second.expect(200).ids(), [ids[0]]);
}

#[tokio::test]
async fn other_roles_and_wrong_filters_are_refused() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let answer = ada.get(PATH).await.problem(403, "forbidden");
    world
        .audited(&answer, row().by(&ada).denied("forbidden"))
        .await;
    admin
        .get(&format!("{PATH}?is_in_force=maybe"))
        .await
        .problem(422, "invalid");
}
