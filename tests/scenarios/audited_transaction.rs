//! The audited transaction: no answer without its committed audit row, one effect however the
//! link breaks, a chain that can be followed.

use std::collections::BTreeSet;

use tests::audit::Expected;
use tests::prelude::*;

fn reading() -> Expected {
    audit("get-patient", "READ", "PATIENT")
}

fn booking() -> Expected {
    audit("create-appointment", "CREATE", "APPOINTMENT")
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

// What the log can't hold isn't answered.

#[tokio::test]
async fn without_the_right_to_write_audit_rows_nothing_is_answered_and_nothing_changes() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    world
        .sql("revoke insert on audit_logs from caretrail_app", &[])
        .await;
    let before = world.stored().await;
    let read = ada.get(&chart(&ada)).await.problem(503, "unavailable");
    assert!(!read.text.contains("Ada"));
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(503, "unavailable");
    // A refusal that can't be recorded is not told either.
    ben.get(&chart(&ada)).await.problem(503, "unavailable");
    ada.get("/v1/patients?limit=0")
        .await
        .problem(503, "unavailable");
    assert_eq!(world.stored().await, before);
    assert!(world.audit_log().await.is_empty());

    world
        .sql("grant insert on audit_logs to caretrail_app", &[])
        .await;
    ada.get(&chart(&ada)).await.expect(200);
    ada.post("/v1/appointments", slot(&ada, &vera))
        .await
        .expect(201);
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn a_success_that_can_not_be_recorded_is_undone_and_recorded_as_a_failure() {
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

// Who may act is asked anew with each request.

#[tokio::test]
async fn an_account_that_is_closed_is_refused_with_the_very_next_request() {
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
async fn a_permission_that_is_withdrawn_is_gone_with_the_very_next_request() {
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
    let denied = denied.detail("subject", stranger.user.to_string());
    world.audited(&answer, denied.denied("forbidden")).await;
}

#[tokio::test]
async fn what_a_handler_noted_stands_in_the_row_of_a_refusal_too() {
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
async fn what_a_handler_noted_stands_in_the_row_of_a_lost_commit_too() {
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

// The chain and its witness.

#[tokio::test]
async fn each_environment_writes_a_chain_of_its_own_without_gaps() {
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
        .map(|row| (row.entry.application, row.chain_id))
        .collect();
    // Two instances of get-patient, one of get-me.
    assert!((2..=3).contains(&chains.len()), "{chains:?}");
}

#[tokio::test]
async fn every_row_has_its_witness_in_the_log_of_who_wrote_it() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    for answer in [
        ada.get(&chart(&ada)).await.expect(200),
        ben.get(&chart(&ada)).await.problem(404, "not-found"),
    ] {
        let row = world.audit_of(&answer).await.remove(0);
        let line = world
            .cloud
            .logs("get-patient")
            .wait_for(&row.hash_in_hex(), PATIENCE)
            .await
            .expect("a witness line");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["target"], "witness");
        assert_eq!(line["chain"], json!(row.chain_id.to_string()));
        assert_eq!(line["seq"], row.seq);
        assert_eq!(line["hash"], row.hash_in_hex());
    }
    // And no witness without its row.
    let witnesses = world.cloud.logs("get-patient").lines();
    let witnesses = witnesses.iter().filter(|line| line.contains("witness"));
    assert_eq!(witnesses.count(), 2);
}

#[tokio::test]
async fn a_new_environment_begins_a_new_chain() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    world.restart("get-patient").await;
    let answer = ada.get(&chart(&ada)).await.expect(200);
    let row = world.audit_of(&answer).await.remove(0);
    assert_eq!((row.seq, row.prev_hash), (1, [0; 32]));
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn neither_answers_nor_logs_of_a_failure_quote_what_is_stored() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let secret = "Zebrafish-Disclosure";
    // A defect of ours: a column that the function needs is gone, and a value is in the way.
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

// Links that break.

#[tokio::test]
async fn a_link_that_breaks_before_the_commit_was_sent_is_made_again_to_one_effect() {
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
async fn a_commit_that_landed_is_answered_though_its_confirmation_was_lost() {
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
        .wait_for(&row.hash_in_hex(), PATIENCE)
        .await
        .expect("its witness");

    // The chain goes on behind it.
    let again = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(409, "conflict");
    assert_eq!(world.audit_of(&again).await[0].chain_id, row.chain_id);
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
async fn a_read_discloses_nothing_unless_its_row_landed() {
    let world = linked().await;
    let ada = world.patient("Ada").await;
    world.link().cut([Cut::After("commit")]);
    let landed = ada.get(&chart(&ada)).await.expect(200);
    let read = reading().by(&ada).resource(ada.id).patient(ada.id);
    world.audited(&landed, read.clone()).await;
    world.link().cut([Cut::Before("commit")]);
    let lost = ada.get(&chart(&ada)).await.problem(503, "unavailable");
    assert!(!lost.text.contains("Ada"));
    world.audited(&lost, read.failed("commit-lost")).await;
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn a_link_that_breaks_while_a_commit_is_settled_is_made_again() {
    for first in [Cut::After("commit"), Cut::Before("commit")] {
        let world = linked().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world.link().cut([
            first,
            Cut::Before("on conflict do nothing"),
            Cut::After("on conflict do nothing"),
        ]);
        let answer = ada.post("/v1/appointments", slot(&ada, &vera)).await;
        assert!(world.link().was_cut(), "{first:?}");
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1, "{first:?}");
        let outcome = rows[0].entry.outcome.label();
        let expected = match first {
            Cut::After(_) => (201, 1, "SUCCESS"),
            Cut::Before(_) => (503, 0, "FAILURE"),
        };
        assert_eq!(
            (answer.status, appointments(&world).await, outcome),
            expected
        );
        assert_eq!(world.verify_chains().await, 1);
    }
}

#[tokio::test]
async fn a_commit_that_can_not_be_settled_ends_its_chain_and_says_that_it_can_not_be_told() {
    let world = linked().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.link().cut([
        Cut::After("commit"),
        Cut::Before("on conflict do nothing"),
        Cut::Before("on conflict do nothing"),
        Cut::Before("on conflict do nothing"),
    ]);
    let answer = ada
        .post("/v1/appointments", slot(&ada, &vera))
        .await
        .problem(503, "unavailable");
    assert!(world.link().was_cut());
    assert_eq!(appointments(&world).await, 1);
    // Both are true: what was done, and what the caller was told. The second can't stand behind the
    // first, which may not be there.
    let rows = world.audit_of(&answer).await;
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert_eq!(rows[0].entry.outcome.label(), "SUCCESS");
    assert_eq!(rows[1].entry.outcome.label(), "FAILURE");
    assert_eq!(rows[1].entry.details["reason"], "unavailable");
    assert_ne!(rows[0].chain_id, rows[1].chain_id);
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn connections_that_died_between_requests_are_replaced_unnoticed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for _ in 0..3 {
        let answer = ada.get(&chart(&ada)).await.expect(200);
        let read = reading().by(&ada).resource(ada.id).patient(ada.id);
        world.audited(&answer, read).await;
        let ended = world
            .sql(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity
                 where usename = 'caretrail_app' and datname = current_database()",
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
        database_url: Some("postgres://caretrail_app:x@127.0.0.1:1/x".to_owned()),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.problem(503, "unavailable");
    ada.get("/v1/patients/x").await.problem(503, "unavailable");
}

// Statements that fail.

#[tokio::test]
async fn a_transaction_that_lost_a_race_is_run_again_to_one_effect() {
    for code in ["40001", "40P01"] {
        let world = World::new().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        // Numbers of a sequence are not given back: the second run passes.
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
async fn a_statement_that_takes_too_long_fails_is_recorded_and_leaves_the_function_well() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    world
        .sql(
            &format!(
                "alter role caretrail_app in database {} set statement_timeout = '300ms'",
                world.database()
            ),
            &[],
        )
        .await;
    // Somebody else is just about to take the slot, and doesn't end.
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
