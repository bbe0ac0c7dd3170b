//! Schedule, every day: `ensure-audit-partitions`

use tests::audit::Expected;
use tests::prelude::*;

const ALARM: &str = "few months of the audit log have a partition";

async fn run(world: &World) {
    let schedule = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event"});
    let done = world.cloud.invoke("ensure-audit-partitions", &schedule);
    done.await.expect("the partitions are made");
}

/// Removes the partitions from this many months after this one on.
async fn remove(world: &World, from: i32) {
    world
        .sql(
            "do $$
             declare
               name text;
             begin
               for name in
                 select inhrelid::regclass::text from pg_inherits
                 where inhparent = 'audit_logs'::regclass
                   and inhrelid::regclass::text
                     >= to_char(now() at time zone 'UTC' + make_interval(months => current_setting('removed.from')::integer),
                       '\"audit_logs_\"YYYY_MM')
               loop
                 execute format('drop table %s', name);
               end loop;
             end
             $$"
            .replace("current_setting('removed.from')::integer", &from.to_string())
            .as_str(),
            &[],
        )
        .await;
}

/// Returns how many months after this one have a partition. `remove` leaves no gaps.
async fn months_ahead(world: &World) -> Value {
    let partitions =
        "select count(*) - 1 as months from pg_inherits where inhparent = 'audit_logs'::regclass";
    world.row(partitions, &[]).await["months"].clone()
}

fn alarms(world: &World) -> usize {
    let lines = world.cloud.logs("ensure-audit-partitions").lines();
    lines.iter().filter(|line| line.contains(ALARM)).count()
}

#[tokio::test]
async fn missing_partitions_are_made_and_their_number_is_recorded() {
    let world = World::new().await;
    remove(&world, 24).await;
    assert_eq!(months_ahead(&world).await, 23);
    run(&world).await;
    assert_eq!(months_ahead(&world).await, 25);
    let log = world.audit_log().await;
    let made = audit("ensure-audit-partitions", "PROCESS", "AUDIT_LOG").by_system();
    assert_eq!(
        log.iter().map(Expected::of).collect::<Vec<_>>(),
        [made.detail("partitions", 2)]
    );
    // Nothing is missing now, so nothing is recorded.
    run(&world).await;
    assert_eq!(world.verify_chains().await, 1);
    assert_eq!(alarms(&world), 0);
}

#[tokio::test]
async fn few_partitions_raise_an_alarm_also_if_more_can_be_made() {
    let world = World::new().await;
    remove(&world, 4).await;
    run(&world).await;
    assert_eq!(alarms(&world), 0);
    remove(&world, 3).await;
    run(&world).await;
    eventually("an alarm is logged", async || alarms(&world) == 1).await;
    assert_eq!(months_ahead(&world).await, 25);
}

#[tokio::test]
async fn a_new_partition_is_as_well_guarded_as_the_others() {
    let world = World::new().await;
    let guards = "
        select count(distinct guards) as kinds from (
          select jsonb_build_array(
            c.relrowsecurity, c.relforcerowsecurity,
            (select jsonb_agg(distinct t.tgname) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
            (select count(*) from pg_index x where x.indrelid = c.oid),
            (select count(*) from pg_constraint o where o.conrelid = c.oid),
            (select jsonb_agg(p.polname order by p.polname) from pg_policy p where p.polrelid = c.oid)
          ) as guards
          from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'audit_logs'::regclass
        ) as partitions";
    remove(&world, 20).await;
    run(&world).await;
    assert_eq!(world.row(guards, &[]).await["kinds"], 1);
}

#[tokio::test]
async fn a_request_of_a_month_without_partition_changes_nothing_until_there_is_one() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let chart = format!("/v1/patients/{}", ada.id);
    remove(&world, 0).await;
    ada.get(&chart).await.problem(503, "unavailable");
    assert!(world.audit_log().await.is_empty());

    run(&world).await;
    let answer = ada.get(&chart).await.expect(200);
    let read = audit("get-patient", "READ", "PATIENT").by(&ada);
    world
        .audited(&answer, read.resource(ada.id).patient(ada.id))
        .await;
}
