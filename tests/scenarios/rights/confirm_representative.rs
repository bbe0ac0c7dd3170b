//! `POST /v1/representatives/{id}/confirm`

use audit::Relation;
use tests::audit::Expected;
use tests::prelude::*;

use super::{REPRESENTATIVES, acted_as, guardian, reads, step};

fn row() -> Expected {
    audit("confirm-representative", "UPDATE", "REPRESENTATIVE")
}

#[tokio::test]
async fn a_second_person_confirms_and_from_then_on_the_user_represents_the_patient() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, fred) = (
        world.user("PATIENT", "Paul").await,
        world.user("FRONT_DESK", "Fred").await,
    );
    let admin = world.admin().await;
    let entered = fred.post(REPRESENTATIVES, guardian(&kim, paul.user)).await;
    let id = entered.expect(201).id();

    // Not whoever entered it
    let denied = row().by(&fred).resource(id).patient(kim.id);
    let path = step(id, "confirm");
    let confirmed = fred.post_nothing(&path);
    world
        .refused(confirmed, 403, denied.denied("forbidden"))
        .await;
    assert!(!reads(&paul, &kim).await);

    let path = step(id, "confirm");
    let confirmed = admin.post_nothing(&path).await.expect(200);
    assert_eq!(confirmed.body["status"], "CURRENT");
    assert_eq!(confirmed.body["confirmed_by"], json!(admin.user));
    let expected = row().by(&admin).resource(id).patient(kim.id);
    let expected = expected.detail("representative_user_id", json!(paul.user));
    acted_as(&world, &confirmed, expected, Some(Relation::Office)).await;
    assert!(reads(&paul, &kim).await);

    let failed = row().by(&admin).resource(id).patient(kim.id);
    let path = step(id, "confirm");
    let again = admin.post_nothing(&path);
    world.refused(again, 409, failed.failed("conflict")).await;
}

#[tokio::test]
async fn nobody_confirms_for_themself_nor_with_an_account_that_they_made() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (fred, fay) = (
        world.user("FRONT_DESK", "Fred").await,
        world.user("FRONT_DESK", "Fay").await,
    );
    let admin = world.admin().await;
    let entered = fred.post(REPRESENTATIVES, guardian(&kim, fay.user)).await;
    let id = entered.expect(201).id();
    let denied = row().by(&fay).resource(id).patient(kim.id);
    let path = step(id, "confirm");
    let confirmed = fay.post_nothing(&path);
    world
        .refused(confirmed, 403, denied.denied("forbidden"))
        .await;

    let made = "update user_profiles set made_by = $1 where id = $2";
    world.sql(made, &[&admin.user, &fred.user]).await;
    let denied = row().by(&admin).resource(id).patient(kim.id);
    let path = step(id, "confirm");
    let confirmed = admin.post_nothing(&path);
    world
        .refused(confirmed, 403, denied.denied("forbidden"))
        .await;
    // A small practice turns the rule off.
    world
        .sql("update settings set two_person_rule = false", &[])
        .await;
    admin.post_nothing(&step(id, "confirm")).await.expect(200);
}

#[tokio::test]
async fn a_representation_that_begins_later_is_upcoming_and_one_that_is_over_is_not_confirmed() {
    let world = World::new().await;
    let (kim, ada) = (world.patient("Kim").await, world.patient("Ada").await);
    let paul = world.user("PATIENT", "Paul").await;
    let admin = world.admin().await;
    let later = world
        .enter_representative(paul.user, &kim, "GUARDIAN", None)
        .await;
    let begin = "update representatives set since = now() + interval '1 day' where id = $1";
    world.sql(begin, &[&later]).await;
    let confirmed = admin
        .post_nothing(&step(later, "confirm"))
        .await
        .expect(200);
    assert_eq!(confirmed.body["status"], "UPCOMING");
    assert!(!reads(&paul, &kim).await);

    let over = world
        .enter_representative(paul.user, &ada, "GUARDIAN", None)
        .await;
    let end = "update representatives set since = now() - interval '2 days', until = now() - interval '1 day'
               where id = $1";
    world.sql(end, &[&over]).await;
    let failed = row().by(&admin).resource(over).patient(ada.id);
    let path = step(over, "confirm");
    let confirmed = admin.post_nothing(&path);
    world
        .refused(confirmed, 409, failed.failed("conflict"))
        .await;
}

#[tokio::test]
async fn only_staff_who_enter_representations_confirm_them() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let paul = world.user("PATIENT", "Paul").await;
    let id = world
        .enter_representative(paul.user, &kim, "GUARDIAN", None)
        .await;
    for caller in [&*kim, &paul, &world.officer().await] {
        let denied = row().by(caller).resource(id).patient(kim.id);
        let path = step(id, "confirm");
        let confirmed = caller.post_nothing(&path);
        world
            .refused(confirmed, 403, denied.denied("forbidden"))
            .await;
    }
    let admin = world.admin().await;
    admin
        .post_nothing(&step(Uuid::now_v7(), "confirm"))
        .await
        .problem(404, "not-found");
}
