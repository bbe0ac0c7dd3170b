//! `GET /v1/alerts`

use tests::audit::Expected;
use tests::prelude::*;

use super::{path, raise, resolved};

const PATH: &str = "/v1/alerts";

fn row() -> Expected {
    audit("list-alerts", "SEARCH", "ALERT")
}

#[tokio::test]
async fn alerts_are_listed_newest_first_by_each_filter_in_pages() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let officer = world.officer().await;
    let mut ids = Vec::new();
    for (actor, patient) in [
        (vera.user, Some(ada.id)),
        (walt.user, Some(ben.id)),
        (walt.user, None),
    ] {
        ids.push(raise(&world, Some(actor), patient, &[]).await.unwrap());
    }
    officer
        .patch(&path(ids[0]), 1, resolved())
        .await
        .expect(200);
    let assigned = json!({"status": "ASSIGNED", "assigned_to": officer.user});
    officer.patch(&path(ids[1]), 1, assigned).await.expect(200);

    let all = officer.get(PATH).await.expect(200);
    assert_eq!(all.ids(), [ids[2], ids[1], ids[0]]);
    let expected = row().by(&officer).patient(ada.id).patient(ben.id);
    world.audited(&all, expected).await;
    for (filter, expected) in [
        ("status=OPEN".to_owned(), vec![ids[2]]),
        ("status=ASSIGNED".to_owned(), vec![ids[1]]),
        ("status=RESOLVED".to_owned(), vec![ids[0]]),
        ("status=ACKNOWLEDGED".to_owned(), vec![]),
        (
            "rule=unexplained-access".to_owned(),
            vec![ids[2], ids[1], ids[0]],
        ),
        ("rule=another".to_owned(), vec![]),
        (format!("actor_id={}", walt.user), vec![ids[2], ids[1]]),
        (format!("patient_id={}", ada.id), vec![ids[0]]),
        (format!("assigned_to={}", officer.user), vec![ids[1]]),
        (format!("status=OPEN&actor_id={}", walt.user), vec![ids[2]]),
    ] {
        let found = officer.get(&format!("{PATH}?{filter}")).await.expect(200);
        assert_eq!(found.ids(), expected, "{filter}");
    }

    // Pages
    let first = officer.get(&format!("{PATH}?limit=2")).await.expect(200);
    assert_eq!(first.ids(), [ids[2], ids[1]]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let last = officer
        .get(&format!("{PATH}?limit=2&cursor={cursor}"))
        .await;
    let last = last.expect(200);
    assert_eq!(last.ids(), [ids[0]]);
    assert_eq!(last.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn other_roles_and_wrong_filters_are_refused() {
    let world = World::new().await;
    let (vera, admin, officer) = (
        world.provider("Vera").await,
        world.admin().await,
        world.officer().await,
    );
    for caller in [&*vera, &admin] {
        let denied = row().by(caller).denied("forbidden");
        world.refused(caller.get(PATH), 403, denied).await;
    }
    for (field, filter) in [("status", "status=CLOSED"), ("actor_id", "actor_id=7")] {
        let answer = officer.get(&format!("{PATH}?{filter}")).await;
        answer.invalid(field);
    }
}
