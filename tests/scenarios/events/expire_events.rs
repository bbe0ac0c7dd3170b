//! Schedule, every day: `expire-events`

use tests::audit::Expected;
use tests::prelude::*;

async fn run(world: &World) {
    let schedule = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event"});
    let done = world.cloud.invoke("expire-events", &schedule);
    done.await.expect("the partitions are turned");
}

/// Leaves the partitions of this week and of some weeks after it.
async fn leave(world: &World, weeks: usize) {
    let partitions = "
        select inhrelid::regclass::text as name from pg_inherits
        where inhparent = 'business_events'::regclass order by 1";
    let partitions = world.rows(partitions, &[]).await;
    for partition in &partitions[weeks + 1..] {
        let name = partition["name"].as_str().unwrap();
        world.sql(&format!("drop table {name}"), &[]).await;
    }
}

#[tokio::test]
async fn missing_weeks_are_made_and_few_weeks_raise_an_alarm() {
    const ALARM: &str = "few weeks of business events have a partition";
    let world = World::new().await;
    leave(&world, 8).await;
    run(&world).await;
    let made = audit("expire-events", "PROCESS", "EVENT").by_system();
    let made = made.detail("made", 18).detail("dropped", 0);
    let log = world.audit_log().await;
    assert_eq!(log.iter().map(Expected::of).collect::<Vec<_>>(), [made]);
    let alarms = || {
        let lines = world.cloud.logs("expire-events").lines();
        lines.iter().filter(|line| line.contains(ALARM)).count()
    };
    assert_eq!(alarms(), 0);

    // Nothing is missing now, so nothing is recorded.
    run(&world).await;
    assert_eq!(world.audit_log().await.len(), 1);

    leave(&world, 7).await;
    run(&world).await;
    eventually("an alarm is logged", async || alarms() == 1).await;
}

#[tokio::test]
async fn a_change_in_a_week_without_partition_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    world
        .sql(
            "do $$
             declare
               name text;
             begin
               for name in
                 select inhrelid::regclass::text from pg_inherits where inhparent = 'business_events'::regclass
               loop
                 execute format('drop table %s', name);
               end loop;
             end
             $$",
            &[],
        )
        .await;
    let path = format!("/v1/appointments/{visit}/cancel");
    let reason = json!({"reason": "Travelling that week"});
    ada.post(&path, reason.clone())
        .await
        .problem(503, "unavailable");
    let status = world
        .row("select status from appointments where id = $1", &[&visit])
        .await;
    assert_eq!(status["status"], "SCHEDULED");

    run(&world).await;
    ada.post(&path, reason).await.expect(200);
}
