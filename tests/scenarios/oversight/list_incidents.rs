//! `GET /v1/incidents`

use tests::audit::Expected;
use tests::prelude::*;

use super::INCIDENTS;

fn row() -> Expected {
    audit("list-incidents", "SEARCH", "INCIDENT")
}

#[tokio::test]
async fn incidents_are_listed_newest_first_by_each_filter_in_pages() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    let overdue = world.incident(&[ada.id]).await;
    let long_ago =
        "update incidents set discovered_on = discovered_on - 61, actor_id = $2 where id = $1";
    world.sql(long_ago, &[&overdue, &vera.user]).await;
    let breach = world.breach(&[ada.id, ben.id]).await;
    let excluded = world.incident(&[ben.id]).await;
    let exclude = "update incident_patients set is_excluded = true, reason = 'A visit' where incident_id = $1";
    world.sql(exclude, &[&excluded]).await;

    let all = officer.get(INCIDENTS).await.expect(200);
    assert_eq!(all.ids(), [excluded, breach, overdue]);
    world.audited(&all, row().by(&officer)).await;
    for (filter, expected) in [
        ("status=OPEN".to_owned(), vec![excluded, overdue]),
        ("status=NOTIFYING".to_owned(), vec![breach]),
        ("status=CLOSED".to_owned(), vec![]),
        ("decision=BREACH".to_owned(), vec![breach]),
        ("overdue=true".to_owned(), vec![overdue]),
        ("overdue=false".to_owned(), vec![excluded, breach]),
        (format!("actor_id={}", vera.user), vec![overdue]),
        (format!("patient_id={}", ada.id), vec![breach, overdue]),
        // A patient's breaches
        (
            format!("patient_id={}&decision=BREACH", ben.id),
            vec![breach],
        ),
    ] {
        let path = format!("{INCIDENTS}?{filter}");
        let found = officer.get(&path).await.expect(200);
        assert_eq!(found.ids(), expected, "{filter}");
    }
    let first = officer.get(&format!("{INCIDENTS}?limit=2")).await;
    let first = first.expect(200);
    assert_eq!(first.ids(), [excluded, breach]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let last = format!("{INCIDENTS}?limit=2&cursor={cursor}");
    let last = officer.get(&last).await.expect(200);
    assert_eq!(last.ids(), [overdue]);
    assert_eq!(last.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn other_roles_and_wrong_filters_are_refused() {
    let world = World::new().await;
    let (ada, admin, officer) = (
        world.patient("Ada").await,
        world.admin().await,
        world.officer().await,
    );
    world.incident(&[ada.id]).await;
    for caller in [&*ada, &admin] {
        let denied = row().by(caller).denied("forbidden");
        world.refused(caller.get(INCIDENTS), 403, denied).await;
    }
    for (field, filter) in [
        ("status", "status=RESOLVED"),
        ("decision", "decision=NO"),
        ("overdue", "overdue=maybe"),
    ] {
        let answer = officer.get(&format!("{INCIDENTS}?{filter}")).await;
        answer.invalid(field);
    }
}
