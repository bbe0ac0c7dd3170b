//! `GET /v1/exports`

use tests::prelude::*;

use super::exports::{EXPORTS, age_exports, build, requested_by};

#[tokio::test]
async fn each_caller_lists_the_requests_that_they_read_newest_first() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    let first = requested_by(&ada, &ada).await;
    let second = requested_by(&ada, &ada).await;
    let other = requested_by(&ben, &ben).await;
    let desk = world.user("FRONT_DESK", "Dora").await;
    for (caller, expected) in [
        (&*ada, vec![second, first]),
        (&*vera, vec![second, first]),
        (&*ben, vec![other]),
        (&desk, vec![other, second, first]),
    ] {
        assert_eq!(caller.get(EXPORTS).await.expect(200).ids(), expected);
    }
    let filtered = format!("{EXPORTS}?patient_id={}", ada.id);
    let answer = ada.get(&filtered).await.expect(200);
    let row = audit("list-exports", "SEARCH", "EXPORT").by(&ada);
    world.audited(&answer, row.patient(ada.id)).await;
    assert!(ben.get(&filtered).await.expect(200).ids().is_empty());
}

#[tokio::test]
async fn what_is_open_and_what_is_overdue_is_found() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let admin = world.admin().await;
    let done = requested_by(&ada, &ada).await;
    build(&world).await.unwrap();
    let late = requested_by(&ada, &ada).await;
    age_exports(&world, 31).await;
    let open = requested_by(&ben, &ben).await;
    for (query, expected) in [
        ("open=true", vec![open, late]),
        ("open=false", vec![done]),
        ("overdue=true", vec![late]),
        ("overdue=false", vec![open, done]),
    ] {
        let answer = admin.get(&format!("{EXPORTS}?{query}")).await.expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
    }
}
