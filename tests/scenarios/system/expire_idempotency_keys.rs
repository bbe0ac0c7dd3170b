//! Schedule, every hour: `expire-idempotency-keys`

use tests::audit::Expected;
use tests::database::{self, PEOPLE};
use tests::prelude::*;
use tests::ticket::begin_request;

fn row() -> Expected {
    audit("expire-idempotency-keys", "PROCESS", "IDEMPOTENCY_KEY").by_system()
}

/// Stores this many keys of the caller, used this long ago.
async fn keys(world: &World, caller: &Actor, name: &str, count: i32, ago: &str) {
    world
        .sql(
            "insert into idempotency_keys
               (user_id, key, operation, request_hash, status, resource_id, created_at)
             select $1, $2 || i, 'create-appointment', sha256('request'), 201, gen_random_uuid(),
               now() - $4::text::interval
             from generate_series(1, $3) as i",
            &[&caller.user, &name, &count, &ago],
        )
        .await;
}

async fn left(world: &World) -> Vec<Value> {
    let keys = "select key from idempotency_keys order by key";
    world.rows(keys, &[]).await
}

/// Runs the function. Returns the details of the steps that it reports.
async fn run(world: &World) -> Vec<Value> {
    let schedule = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event"});
    let report = world
        .cloud
        .invoke("expire-idempotency-keys", &schedule)
        .await
        .expect("the keys are expired");
    let steps = report["steps"].as_array().unwrap().iter();
    steps.map(|step| step["details"].clone()).collect()
}

/// Returns what the rows of this function say.
async fn recorded(world: &World) -> Vec<Expected> {
    let log = world.audit_log().await;
    log.iter().map(Expected::of).collect()
}

#[tokio::test]
async fn keys_of_any_caller_end_after_a_day_and_their_number_is_recorded() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    keys(&world, &ada, "old", 2, "24 hours 1 second").await;
    keys(&world, &ben, "old", 1, "3 days").await;
    keys(&world, &ada, "new", 1, "23 hours 59 minutes").await;
    assert_eq!(run(&world).await, [json!({"expired": 3})]);
    assert_eq!(left(&world).await, [json!({"key": "new1"})]);
    assert_eq!(recorded(&world).await, [row().detail("expired", 3)]);
    assert_eq!(world.verify_chains().await, 1);
}

#[tokio::test]
async fn a_run_without_ended_keys_changes_nothing_and_records_nothing() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    keys(&world, &ada, "new", 1, "1 hour").await;
    run(&world).await;
    assert_eq!(left(&world).await.len(), 1);
    assert!(recorded(&world).await.is_empty());
}

#[tokio::test]
async fn many_keys_end_in_several_transactions() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    keys(&world, &ada, "old", 2500, "2 days").await;
    run(&world).await;
    assert!(left(&world).await.is_empty());
    let counts = [1000, 1000, 500].map(|count| row().detail("expired", count));
    assert_eq!(recorded(&world).await, counts);
    assert_eq!(world.verify_chains().await, 3);
}

#[tokio::test]
async fn without_the_permission_the_run_is_recorded_as_denied_and_deletes_nothing() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    keys(&world, &ada, "old", 1, "2 days").await;
    world
        .sql(
            "delete from role_permissions where permission = 'idempotency-keys:expire'",
            &[],
        )
        .await;
    let schedule = json!({"source": "aws.scheduler"});
    let failed = world
        .cloud
        .invoke("expire-idempotency-keys", &schedule)
        .await;
    assert!(failed.is_err());
    assert_eq!(left(&world).await.len(), 1);
    assert_eq!(recorded(&world).await, [row().denied("forbidden")]);
}

#[tokio::test]
async fn a_caller_can_not_delete_keys() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    keys(&world, &ada, "old", 1, "2 days").await;
    let app = world.connect_as(PEOPLE).await;
    for caller in [&*ada, &admin] {
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, caller, "users:read").await.unwrap();
        let refused = app
            .query("select expire_idempotency_keys(1)", &[])
            .await
            .unwrap_err();
        assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
        app.batch_execute("rollback").await.unwrap();
    }
    assert_eq!(left(&world).await.len(), 1);
}

#[tokio::test]
async fn a_run_leaves_the_keys_that_another_run_is_deleting() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    keys(&world, &ada, "old", 3, "2 days").await;

    // Given another run whose transaction is open
    let other = database::connect(&world.superuser_url()).await;
    let deletes = "begin; delete from idempotency_keys where key in ('old1', 'old2')";
    other.batch_execute(deletes).await.unwrap();

    // When the function runs, then it doesn't wait
    assert_eq!(run(&world).await, [json!({"expired": 1})]);
    other.batch_execute("commit").await.unwrap();
    assert_eq!(left(&world).await, Vec::<Value>::new());
}
