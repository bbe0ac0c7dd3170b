//! `GET /v1/amendments`

use tests::audit::Expected;
use tests::prelude::*;

use super::{AMENDMENTS, Chart, age, clinic_day};

fn row(caller: &Actor) -> Expected {
    audit("list-amendments", "SEARCH", "AMENDMENT").by(caller)
}

async fn list(caller: &Actor, query: &str) -> Vec<Uuid> {
    let path = format!("{AMENDMENTS}{query}");
    caller.get(&path).await.expect(200).ids()
}

#[tokio::test]
async fn each_caller_lists_what_they_read_by_entry_patient_and_status() {
    let chart = Chart::new().await;
    let Chart {
        world,
        ada,
        vera,
        note,
    } = &chart;
    let (kim, paul) = (
        world.patient("Kim").await,
        world.user("PATIENT", "Paul").await,
    );
    world.represent(paul.user, &kim, None).await;
    let walt = world.provider("Walt").await;
    world.assign(&kim, &walt).await;
    let held = world.note(ada, vera, "Later.").await;
    let of_kim = world.note(&kim, &walt, "Well.").await;
    let first = world.amendment(*note).await;
    let second = world.denied_amendment(*note).await;
    let hidden = world.amendment(held).await;
    let other = world.amendment(of_kim).await;
    world.hold(held, vera, "1 day").await;
    let nora = chart.nurse().await;
    for (caller, expected) in [
        (&**ada, vec![second, first]),
        (&**vera, vec![hidden, second, first]),
        (&nora, vec![hidden, second, first]),
        (&paul, vec![other]),
        (&*kim, vec![other]),
        (&*walt, vec![other]),
        (&*world.patient("Ben").await, vec![]),
    ] {
        assert_eq!(list(caller, "").await, expected, "{}", caller.email);
    }
    for (query, expected) in [
        (
            format!("?patient_id={}", ada.id),
            vec![hidden, second, first],
        ),
        (format!("?record_id={note}"), vec![second, first]),
        (format!("?record_id={held}&status=REQUESTED"), vec![hidden]),
        (format!("?record_id={of_kim}"), vec![]),
        (format!("?patient_id={}", kim.id), vec![]),
        (format!("?file_id={}", Uuid::now_v7()), vec![]),
        ("?status=DENIED".to_owned(), vec![second]),
        ("?status=REQUESTED".to_owned(), vec![hidden, first]),
    ] {
        assert_eq!(list(vera, &query).await, expected, "{query}");
    }
    // A patient learns of a held record neither by its id nor by a count.
    assert!(list(ada, &format!("?record_id={held}")).await.is_empty());
    // Somebody with emergency access finds those of the patient.
    let eve = world.provider("Eve").await;
    world.emergency(ada.id, eve.user, "0 hours").await;
    assert!(list(&eve, "").await.is_empty());
    let of_ada = format!("?patient_id={}", ada.id);
    assert_eq!(list(&eve, &of_ada).await, [hidden, second, first]);

    let answer = vera.get(AMENDMENTS).await.expect(200);
    world.audited(&answer, row(vera).patient(ada.id)).await;
    let admin = world.admin().await;
    let denied = row(&admin).denied("forbidden");
    world.refused(admin.get(AMENDMENTS), 403, denied).await;
    let path = format!("{AMENDMENTS}?status=OPEN");
    let failed = row(vera);
    world.invalid(vera.get(&path), "status", failed).await;
}

#[tokio::test]
async fn requests_that_are_due_or_overdue_are_found() {
    let chart = Chart::new().await;
    let Chart {
        world,
        ada,
        vera,
        note,
    } = &chart;
    let late = world.amendment(*note).await;
    age(world, late, 61).await;
    let due = world.amendment(*note).await;
    age(world, due, 60).await;
    let fresh = world.amendment(*note).await;
    let decided = world.denied_amendment(*note).await;
    age(world, decided, 61).await;
    let today = clinic_day(world, 0).await;
    for (query, expected) in [
        ("?overdue=true".to_owned(), vec![late]),
        ("?overdue=false".to_owned(), vec![decided, fresh, due]),
        (format!("?due_until={today}"), vec![due, late]),
        (
            format!("?due_until={}", clinic_day(world, 60).await),
            vec![fresh, due, late],
        ),
        (format!("?record_id={note}&overdue=true"), vec![late]),
        ("?overdue=true&status=DENIED".to_owned(), vec![]),
    ] {
        for caller in [&**ada, &**vera] {
            assert_eq!(list(caller, &query).await, expected, "{query}");
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let chart = Chart::new().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, chart.world.amendment(chart.note).await);
    }
    for caller in [&*chart.ada, &*chart.vera] {
        let (mut found, mut query) = (Vec::new(), "?limit=2".to_owned());
        loop {
            let page = caller
                .get(&format!("{AMENDMENTS}{query}"))
                .await
                .expect(200);
            found.extend(page.ids());
            let Some(cursor) = page.body["next_cursor"].as_str() else {
                break;
            };
            query = format!("?limit=2&cursor={cursor}");
        }
        assert_eq!(found, expected);
    }
}
