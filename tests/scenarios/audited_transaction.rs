//! The audited transaction: every answer has its committed audit row, each request has one effect
//! wherever the connection breaks, and the chain can be followed.

use std::collections::BTreeSet;

use tests::audit::Expected;
use tests::prelude::*;

fn reading() -> Expected {
    audit("get-patient", "READ", "PATIENT")
}

fn booking() -> Expected {
    audit("create-appointment", "CREATE", "APPOINTMENT").may_give_care()
}

fn chart(patient: &Patient) -> String {
    format!("/v1/patients/{}", patient.id)
}

fn slot(patient: &Patient, provider: &Provider) -> Value {
    json!({
        "patient_id": patient.id,
        "provider_id": provider.id,
        "scheduled_at": "2030-01-07T09:00:00Z",
        "duration_minutes": 30
    })
}

async fn linked() -> World {
    World::with(Setup {
        link: true,
        ..Setup::default()
    })
    .await
}

async fn appointments(world: &World) -> usize {
    world.rows("select id from appointments", &[]).await.len()
}

// No answer without an audit row.

#[tokio::test]
async fn without_the_right_to_write_audit_rows_every_request_fails_and_changes_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    world
        .sql(
            "revoke execute on function append_audit(audit_logs) from caretrail_app",
            &[],
        )
        .await;
    let before = world.stored().await;
    let read = ada.get(&chart(&ada)).await.problem(503, "unavailable");
    assert!(!read.text.contains("Ada"));
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(503, "unavailable");
    // If a refusal can't be recorded, the caller doesn't learn of it either.
    ben.get(&chart(&ada)).await.problem(503, "unavailable");
    ada.get("/v1/patients?limit=0")
        .await
        .problem(503, "unavailable");
    assert_eq!(world.stored().await, before);
    assert!(world.audit_log().await.is_empty());

    world
        .sql(
            "grant execute on function append_audit(audit_logs) to caretrail_app",
            &[],
        )
        .await;
    ada.get(&chart(&ada)).await.expect(200);
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .expect(201);
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn a_success_that_can_not_be_recorded_is_rolled_back_and_recorded_as_a_failure() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql(
            "create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'refused'; end $$",
            &[],
        )
        .await;
    world
        .sql(
            "create trigger refuse before insert on audit_logs for each row
             when (new.outcome = 'SUCCESS') execute function refuse()",
            &[],
        )
        .await;
    let before = world.stored().await;
    let answer = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(503, "unavailable");
    assert_eq!(world.stored().await, before);
    let failed = booking().by(&ada).attempted().patient(ada.id);
    world.audited(&answer, failed.failed("unavailable")).await;
    assert_eq!(world.verify_chains().await, 1);
}

// Each request checks again whether the caller may act.

#[tokio::test]
async fn a_closed_account_is_refused_from_the_next_request_on() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for change in [
        "status = 'SUSPENDED'",
        "status = 'INACTIVE'",
        "status = 'ACTIVE', is_archived = true, archived_at = now()",
    ] {
        ada.get(&chart(&ada)).await.expect(200);
        world
            .sql(&format!("update user_profiles set {change}"), &[])
            .await;
        let answer = ada.get(&chart(&ada)).await.problem(403, "forbidden");
        let denied = reading().by(&ada).resource(ada.id).patient(ada.id);
        world.audited(&answer, denied.denied("forbidden")).await;
        world
            .sql(
                "update user_profiles set status = 'ACTIVE', is_archived = false, archived_at = null",
                &[],
            )
            .await;
    }
}

#[tokio::test]
async fn a_withdrawn_permission_is_refused_from_the_next_request_on() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    world
        .sql(
            "delete from role_permissions where permission = 'patients:clinical'",
            &[],
        )
        .await;
    let answer = ada.get(&chart(&ada)).await.expect(200);
    assert_eq!(answer.body["allergies"], Value::Null);
    world
        .sql(
            "delete from role_permissions where permission = 'patients:read'",
            &[],
        )
        .await;
    ada.get(&chart(&ada)).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_subject_without_a_profile_is_recorded_by_its_subject() {
    let world = World::new().await;
    let (ada, stranger) = (world.patient("Ada").await, world.stranger());
    let answer = stranger.get(&chart(&ada)).await.problem(403, "forbidden");
    let denied = reading().by(&stranger).resource(ada.id).patient(ada.id);
    let denied = denied.detail("subject", stranger.subject.to_string());
    world.audited(&answer, denied.denied("forbidden")).await;
}

#[tokio::test]
async fn the_row_of_a_refusal_has_the_handlers_notes() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let answer = ada
        .put(&format!("{}/providers/{}", chart(&ada), vera.id))
        .await
        .problem(403, "forbidden");
    let denied = audit("assign-provider", "UPDATE", "PATIENT")
        .by(&ada)
        .resource(ada.id)
        .patient(ada.id)
        .detail("provider_id", vera.id.to_string());
    world.audited(&answer, denied.denied("forbidden")).await;
}

#[tokio::test]
async fn the_row_of_a_lost_commit_has_the_handlers_notes() {
    let world = linked().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    world.link().cut([Cut::Before("commit")]);
    let answer = admin
        .patch(&chart(&ada), 1, json!({"gender": "male"}))
        .await
        .problem(503, "unavailable");
    assert!(world.link().was_cut());
    let failed = audit("update-patient", "UPDATE", "PATIENT")
        .by(&admin)
        .resource(ada.id)
        .patient(ada.id)
        .detail("fields", json!(["gender"]));
    world.audited(&answer, failed.failed("commit-lost")).await;
}

// The chain and its lines in the log.

#[tokio::test]
async fn each_environment_writes_its_own_chain_without_gaps() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..4 {
        let (caller, path) = if reader % 2 == 0 {
            (ada.clone(), chart(&ada))
        } else {
            (ben.clone(), chart(&ada))
        };
        readers.spawn(async move {
            for _ in 0..5 {
                caller.get(&path).await;
            }
        });
    }
    readers.join_all().await;
    ada.get("/v1/me").await.expect(200);
    assert_eq!(world.verify_chains().await, 21);
    let chains: BTreeSet<_> = world
        .audit_log()
        .await
        .into_iter()
        .map(|row| (row.entry.application, row.position.chain_id))
        .collect();
    // There are up to two instances of get-patient and one of get-me.
    assert!((2..=3).contains(&chains.len()), "{chains:?}");
}

#[tokio::test]
async fn a_new_environment_begins_a_new_chain() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    world.restart("get-patient").await;
    let answer = ada.get(&chart(&ada)).await.expect(200);
    let row = world.audit_of(&answer).await.remove(0);
    assert_eq!((row.position.seq, row.position.prev_hash), (1, [0; 32]));
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn answers_and_logs_of_a_failure_do_not_quote_stored_data() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let secret = "Zebrafish-Disclosure";
    // This simulates a defect in the project: a column that the function needs is missing, and a
    // stored value causes an error.
    world
        .sql(
            &format!(
                "create function defect() returns trigger language plpgsql as
                 $$ begin raise exception 'value {secret}' using detail = '{secret}'; end $$"
            ),
            &[],
        )
        .await;
    world
        .sql(
            "create trigger defect before insert on appointments for each row execute function defect()",
            &[],
        )
        .await;
    let answer = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(500, "internal");
    assert!(!answer.text.contains(secret));
    let failed = booking().by(&ada).attempted().patient(ada.id);
    world.audited(&answer, failed.failed("internal")).await;
    let logs = world.cloud.logs("create-appointment");
    logs.wait_for("internal error", PATIENCE)
        .await
        .expect("the defect is logged");
    assert!(!logs.lines().concat().contains(secret));
}

// Connections that break.

#[tokio::test]
async fn after_a_break_before_the_commit_the_request_is_retried_with_one_effect() {
    for cut in [
        Cut::Before("begin_request"),
        Cut::After("insert into appointments"),
    ] {
        let world = linked().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world.link().cut([cut]);
        let answer = ada
            .post("/v1/appointments", slot(&ada, &vera))
            .await
            .expect(201);
        assert!(world.link().was_cut(), "{cut:?}");
        assert_eq!(appointments(&world).await, 1, "{cut:?}");
        let done = booking().by(&ada).resource(answer.id()).patient(ada.id);
        world.audited(&answer, done).await;
        assert_eq!(world.verify_chains().await, 1);
        assert_eq!(world.link().connections(), 2);
    }
}

#[tokio::test]
async fn a_commit_that_took_effect_is_answered_even_if_its_confirmation_was_lost() {
    let world = linked().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.link().cut([Cut::After("commit")]);
    let answer = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .expect(201);
    assert!(world.link().was_cut());
    assert_eq!(appointments(&world).await, 1);
    let done = booking().by(&ada).resource(answer.id()).patient(ada.id);
    let row = world.audited(&answer, done).await;
    world
        .cloud
        .logs("create-appointment")
        .wait_for(&hex::encode(row.row_hash), PATIENCE)
        .await
        .expect("its landed line");

    // The chain continues after that row.
    let again = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(409, "conflict");
    assert_eq!(
        world.audit_of(&again).await[0].position.chain_id,
        row.position.chain_id
    );
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn a_commit_that_was_lost_is_a_recorded_failure_and_can_be_tried_again() {
    let world = linked().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let before = world.stored().await;
    world.link().cut([Cut::Before("commit")]);
    let answer = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(503, "unavailable");
    assert!(world.link().was_cut());
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(world.stored().await, before);
    let rows = world.audit_of(&answer).await;
    let attempted = rows[0].entry.resource_id.unwrap();
    let failed = booking().by(&ada).resource(attempted).patient(ada.id);
    world.audited(&answer, failed.failed("commit-lost")).await;

    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .expect(201);
    assert_eq!(appointments(&world).await, 1);
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn a_read_discloses_nothing_unless_its_audit_row_is_committed() {
    let world = linked().await;
    let ada = world.patient("Ada").await;
    world.link().cut([Cut::After("commit")]);
    let landed = ada.get(&chart(&ada)).await.expect(200);
    let read = reading().by(&ada).resource(ada.id).patient(ada.id);
    world.audited(&landed, read.clone()).await;
    world.link().cut([Cut::Before("append_audit")]);
    let lost = ada.get(&chart(&ada)).await.problem(503, "unavailable");
    assert!(!lost.text.contains("Ada"));
    world.audited(&lost, read.failed("commit-lost")).await;
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn the_fence_is_retried_after_a_broken_connection() {
    for first in [Cut::After("commit"), Cut::Before("commit")] {
        let world = linked().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world.link().cut([
            first,
            Cut::Before("append_fence"),
            Cut::After("append_fence"),
        ]);
        let answer = ada.post("/v1/appointments", slot(&ada, &vera)).await;
        assert!(world.link().was_cut(), "{first:?}");
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1, "{first:?}");
        let outcome = rows[0].entry.outcome.label();
        let expected = match first {
            Cut::After(_) => (201, 1, "SUCCESS"),
            _ => (503, 0, "FAILURE"),
        };
        assert_eq!(
            (answer.status, appointments(&world).await, outcome),
            expected
        );
        assert_eq!(world.verify_chains().await, 1);
    }
}

#[tokio::test]
async fn connections_that_broke_between_requests_are_replaced() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for _ in 0..3 {
        let answer = ada.get(&chart(&ada)).await.expect(200);
        let read = reading().by(&ada).resource(ada.id).patient(ada.id);
        world.audited(&answer, read).await;
        let ended = world
            .sql(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity
                 where usename = 'caretrail_people' and datname = current_database()",
                &[],
            )
            .await;
        assert!(!ended.is_empty());
    }
    assert_eq!(world.verify_chains().await, 3);
}

#[tokio::test]
async fn without_a_database_every_answer_is_503() {
    let world = World::with(Setup {
        database_url: Some("postgres://caretrail_people:x@127.0.0.1:1/x".to_owned()),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.problem(503, "unavailable");
    ada.get("/v1/patients/x").await.problem(503, "unavailable");
}

// Statements that fail.

#[tokio::test]
async fn a_transaction_that_lost_a_race_is_retried_with_one_effect() {
    for code in ["40001", "40P01"] {
        let world = World::new().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        // A rollback doesn't return the numbers of a sequence, so the second attempt succeeds.
        world.sql("create sequence runs", &[]).await;
        world
            .sql(
                &format!(
                    "create function lose_twice() returns trigger language plpgsql security definer as
                     $$ begin
                       if nextval('runs') < 3 then
                         raise exception 'lost' using errcode = '{code}';
                       end if;
                       return new;
                     end $$"
                ),
                &[],
            )
            .await;
        world
            .sql(
                "create trigger lose_twice before insert on appointments
                 for each row execute function lose_twice()",
                &[],
            )
            .await;
        let answer = ada
            .post("/v1/appointments", slot(&ada, &vera))
            .await
            .expect(201);
        assert_eq!(appointments(&world).await, 1);
        let done = booking().by(&ada).resource(answer.id()).patient(ada.id);
        world.audited(&answer, done).await;
    }
}

#[tokio::test]
async fn a_statement_timeout_is_recorded_and_the_function_keeps_working() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    world
        .sql(
            &format!(
                "alter role caretrail_people in database {} set statement_timeout = '300ms'",
                world.database()
            ),
            &[],
        )
        .await;
    // Another transaction holds the slot and doesn't end.
    let other = world.connect().await;
    other
        .batch_execute(&format!(
            "begin;
             insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
             values (gen_random_uuid(), '{}', '{}', '2030-01-07T09:00Z', 30)",
            ben.id, vera.id
        ))
        .await
        .unwrap();
    let before = world.stored().await;
    let answer = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(503, "unavailable");
    assert_eq!(world.stored().await, before);
    let failed = booking().by(&ada).attempted().patient(ada.id);
    world.audited(&answer, failed.failed("unavailable")).await;

    other.batch_execute("rollback").await.unwrap();
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_database_that_can_not_serve_is_503_and_never_an_internal_error() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for code in [
        "53000", "53100", "53200", "53300", "25006", "25P03", "57P01", "57P03", "57P05", "08006",
        "08P01", "58000", "58030",
    ] {
        world
            .sql(
                &format!(
                    "create or replace function fail() returns trigger language plpgsql as
                     $$ begin raise exception 'failed' using errcode = '{code}'; end $$"
                ),
                &[],
            )
            .await;
        world
            .sql(
                "create or replace trigger fail before insert on appointments
                 for each row execute function fail()",
                &[],
            )
            .await;
        let answer = ada
            .post("/v1/appointments", slot(&ada, &vera))
            .await
            .problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1", "{code}");
        let failed = booking().by(&ada).attempted().patient(ada.id);
        world.audited(&answer, failed.failed("unavailable")).await;
    }
    assert_eq!(appointments(&world).await, 0);
    world.sql("drop trigger fail on appointments", &[]).await;
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_connection_to_a_server_that_became_read_only_is_left() {
    // A pooler keeps its own connections to the server, which the functions can't leave.
    if tests::pooler::is_wanted() {
        return;
    }
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .expect(201);
    // Only sessions that begin from now on are affected by the first statement, and only these recover
    // with the second.
    let role = format!(
        "alter role caretrail_people in database {}",
        world.database()
    );
    world
        .sql(
            &format!("{role} set default_transaction_read_only = on"),
            &[],
        )
        .await;
    world.restart("create-appointment").await;
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(503, "unavailable");
    world
        .sql(&format!("{role} reset default_transaction_read_only"), &[])
        .await;
    // The slot is taken, so the request reached a server that could insert.
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(409, "conflict");
}
