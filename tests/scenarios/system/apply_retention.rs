//! Schedule, every day: `apply-retention`

use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::retention::LONG_AGO;
use tests::ticket::begin_request;

fn row() -> Expected {
    audit("apply-retention", "PROCESS", "RETENTION").by_system()
}

/// Returns what the rows of this function say.
async fn recorded(world: &World) -> Vec<Expected> {
    let log = world.audit_log().await;
    let rows = log
        .iter()
        .filter(|row| row.entry.application == "apply-retention");
    rows.map(Expected::of).collect()
}

#[tokio::test]
async fn while_deletion_is_off_a_run_lists_what_has_ended_and_deletes_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);

    // Given a record whose retention has ended, one whose has not, and one that isn't archived
    let ended = world.archived_record(&ada, &vera, LONG_AGO).await;
    let ben = world.patient("Ben").await;
    world.archived_record(&ben, &vera, &days_ago(9 * 365)).await;
    world.note(&ben, &vera, "Now").await;
    let before = world.stored().await;

    // When the job runs twice, a year apart
    assert_eq!(
        world.apply_retention().await,
        [json!({"kind": "MEDICAL_RECORD", "ended": 1, "listed": 1, "changed": 1})]
    );
    world.list_and_wait(365).await;
    assert_eq!(world.apply_retention().await, Vec::<Value>::new());

    // Then the record is listed, and everything is still there
    assert_eq!(world.listed().await, [("MEDICAL_RECORD".to_owned(), ended)]);
    assert_eq!(world.stored().await, before);
    let expected = row()
        .detail("kind", "MEDICAL_RECORD")
        .detail("ended", 1)
        .detail("listed", 1)
        .detail("changed", 1);
    assert_eq!(recorded(&world).await, [expected]);
}

#[tokio::test]
async fn without_the_permission_the_run_is_recorded_as_denied_and_changes_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.archived_record(&ada, &vera, LONG_AGO).await;
    world
        .sql(
            "delete from role_permissions where permission = 'retention:apply'",
            &[],
        )
        .await;
    assert!(world.try_retention().await.is_err());
    assert!(world.listed().await.is_empty());
    let denied = recorded(&world).await;
    assert_eq!(denied.len(), 6);
    assert_eq!(denied[0], row().detail("kind", "FILE").denied("forbidden"));
}

#[tokio::test]
async fn a_caller_can_neither_list_nor_delete() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let app = world.connect_as(PEOPLE).await;
    for caller in [&admin, &officer] {
        for call in [
            "list_ended('FILE', null, null, 1)",
            "forget_listings('FILE')",
            "delete_retained('FILE', null, 1)",
            "begin_file_deletion(1)",
            "announced_file(gen_random_uuid())",
            "relist('FILE', '{}')",
            "take_deletable('FILE', null, 1)",
        ] {
            app.batch_execute("begin").await.unwrap();
            begin_request(&app, caller, "users:read").await.unwrap();
            let refused = app.query(&format!("select {call}"), &[]).await.unwrap_err();
            assert_eq!(
                refused.code().map(|code| code.code()),
                Some("42501"),
                "{call}"
            );
            app.batch_execute("rollback").await.unwrap();
        }
    }
}
