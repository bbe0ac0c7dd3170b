//! `GET /v1/emergency-access`

use tests::audit::Expected;
use tests::prelude::*;

use super::{PATH, audited_as_emergency};

fn row(caller: &Actor) -> Expected {
    audit("list-emergency-access", "SEARCH", "EMERGENCY_ACCESS").by(caller)
}

#[tokio::test]
async fn clinicians_see_their_own_patients_those_to_their_chart_and_officers_all() {
    let world = World::new().await;
    let (kim, lou) = (world.patient("Kim").await, world.patient("Lou").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let parent = world.user("PATIENT", "Pat").await;
    world.represent(parent.user, &kim, None).await;
    let officer = world.officer().await;
    let veras = world.emergency(kim.id, vera.user, "5 hours").await;
    let walts = world.emergency(kim.id, walt.user, "4 hours").await;
    let other = world.emergency(lou.id, walt.user, "3 hours").await;

    let answer = vera.get(PATH).await.expect(200);
    assert_eq!(answer.ids(), [veras]);
    audited_as_emergency(&world, &answer, row(&vera).patient(kim.id)).await;
    let answer = kim.get(PATH).await.expect(200);
    assert_eq!(answer.ids(), [walts, veras]);
    let entry = world
        .audited(&answer, row(&kim).patient(kim.id))
        .await
        .entry;
    assert_eq!(entry.relation, Some(audit::Relation::Oneself));
    let answer = parent.get(PATH).await.expect(200);
    assert_eq!(answer.ids(), [walts, veras]);
    let entry = world
        .audited(&answer, row(&parent).patient(kim.id))
        .await
        .entry;
    assert_eq!(entry.relation, Some(audit::Relation::Representation));
    let answer = officer.get(PATH).await.expect(200);
    assert_eq!(answer.ids(), [other, walts, veras]);
    world
        .audited(&answer, row(&officer).patient(kim.id).patient(lou.id))
        .await;
    for (caller, query, expected) in [
        (&officer, format!("patient_id={}", lou.id), vec![other]),
        (
            &officer,
            format!("member_id={}", walt.user),
            vec![other, walts],
        ),
        (&vera, format!("member_id={}", walt.user), vec![]),
        (&vera, format!("patient_id={}", lou.id), vec![]),
        (&kim, format!("patient_id={}", lou.id), vec![]),
        (&kim, format!("member_id={}", vera.user), vec![veras]),
    ] {
        let answer = caller.get(&format!("{PATH}?{query}")).await.expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
    }
    let first = officer.get(&format!("{PATH}?limit=2")).await.expect(200);
    assert_eq!(first.ids(), [other, walts]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = officer
        .get(&format!("{PATH}?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second.expect(200).ids(), [veras]);
}

#[tokio::test]
async fn accesses_without_a_review_and_overdue_ones_are_found() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let overdue = world.emergency(kim.id, vera.user, "72 hours").await;
    let due = world.emergency(kim.id, vera.user, "67 hours").await;
    migrations::set_emergency_review_hours(&world.superuser_url(), None, 24)
        .await
        .unwrap();
    let sooner = world.emergency(kim.id, vera.user, "25 hours").await;
    let reviewed = world.emergency(kim.id, vera.user, "20 hours").await;
    let review = json!({"review": "APPROVED"});
    let path = format!("{PATH}/{reviewed}/review");
    officer.post(&path, review).await.expect(200);
    for (query, expected) in [
        ("needs_review=true", vec![sooner, due, overdue]),
        ("needs_review=false", vec![reviewed]),
        ("overdue=true", vec![sooner, overdue]),
        ("overdue=false", vec![reviewed, due]),
        ("overdue=false&needs_review=true", vec![due]),
        ("overdue=true&needs_review=false", vec![]),
    ] {
        let mut found = officer
            .get(&format!("{PATH}?{query}"))
            .await
            .expect(200)
            .ids();
        let mut expected = expected;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{query}");
        for caller in [&*vera, &*kim] {
            let mut same = caller
                .get(&format!("{PATH}?{query}"))
                .await
                .expect(200)
                .ids();
            same.sort_unstable();
            assert_eq!(same, expected, "{query}");
        }
    }
    for wrong in [0, 73] {
        let refused =
            migrations::set_emergency_review_hours(&world.superuser_url(), None, wrong).await;
        assert!(refused.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn other_roles_and_wrong_filters_are_refused() {
    let world = World::new().await;
    let (admin, desk) = (world.admin().await, world.user("FRONT_DESK", "Fred").await);
    for caller in [&admin, &desk] {
        let denied = row(caller).denied("forbidden");
        world.refused(caller.get(PATH), 403, denied).await;
    }
    let officer = world.officer().await;
    let query = format!("{PATH}?overdue=maybe");
    world
        .invalid(officer.get(&query), "overdue", row(&officer))
        .await;
}
