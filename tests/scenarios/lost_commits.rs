//! A COMMIT that was sent is never forgotten: the answer says what happened, or that it is unknown, and the
//! audit log has one row of each attempt. The link to the database breaks or falls silent at many points.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use tests::audit::{AuditRow, Expected};
use tests::database::{JOBS, PEOPLE};
use tests::link::{Fault, Toward};
use tests::prelude::*;

const BOOK: &str = "create-appointment";

fn booking() -> Expected {
    audit(BOOK, "CREATE", "APPOINTMENT").may_give_care()
}

fn slot(patient: &Patient, provider: &Provider, scheduled_at: &str) -> Value {
    json!({
        "patient_id": patient.id,
        "provider_id": provider.id,
        "scheduled_at": scheduled_at,
        "duration_minutes": 30
    })
}

fn at_nine(patient: &Patient, provider: &Provider) -> Value {
    slot(patient, provider, "2030-01-07T09:00:00Z")
}

/// Creates a world whose functions have this many seconds for an invocation.
async fn linked(seconds: u64) -> World {
    World::with(Setup {
        link: true,
        timeout: Some(Duration::from_secs(seconds)),
        ..Setup::default()
    })
    .await
}

async fn appointments(world: &World) -> usize {
    world.rows("select id from appointments", &[]).await.len()
}

async fn post_with_key(caller: &Actor, body: &Value) -> Answer {
    let request = caller
        .request(Method::POST, "/v1/appointments")
        .header(CONTENT_TYPE, "application/json")
        .header("idempotency-key", "key-1")
        .body(Full::from(Bytes::from(body.to_string())))
        .unwrap();
    caller.send_request(request).await
}

/// PostgreSQL doesn't notice that a silent link is lost. This makes it end the open transaction, and
/// release what it holds, earlier than after 15 seconds.
pub async fn end_idle_transactions_soon(world: &World) {
    for login in [PEOPLE, JOBS] {
        let statement = format!(
            "alter role {login} in database {} set idle_in_transaction_session_timeout = '500ms'",
            world.database()
        );
        world.sql(&statement, &[]).await;
    }
}

/// Returns the hashes in the landed lines of a function.
fn landed(world: &World, function: &str) -> BTreeSet<String> {
    let lines = world.cloud.logs(function).lines();
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"] == audit::lines::LANDED)
        .filter_map(|line| line["row_hash"].as_str().map(str::to_owned))
        .collect()
}

/// Asserts that exactly the rows of the function have landed lines.
async fn every_row_is_logged(world: &World, function: &str) {
    let log = world.audit_log().await;
    let rows: BTreeSet<_> = log
        .iter()
        .filter(|row| row.entry.application == function)
        .map(|row| hex::encode(row.row_hash))
        .collect();
    eventually("each row has its landed line", async || {
        landed(world, function) == rows
    })
    .await;
}

fn outcomes(rows: &[AuditRow]) -> Vec<&'static str> {
    rows.iter().map(|row| row.entry.outcome.label()).collect()
}

// A COMMIT whose answer doesn't come.

#[tokio::test]
async fn a_commit_that_took_effect_is_answered_even_if_its_confirmation_is_held_back_to_the_deadline()
 {
    let world = linked(3).await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    // In a cold environment the row would begin the chain, and in a warm one it continues the chain.
    for time in ["2030-01-07T09:00:00Z", "2030-01-07T10:00:00Z"] {
        world.link().cut([Cut::SilentAfter("commit")]);
        let answer = ada
            .post("/v1/appointments", slot(&ada, &vera, time))
            .await
            .expect(201);
        assert!(world.link().was_cut());
        let done = booking().by(&ada).resource(answer.id()).patient(ada.id);
        world.audited(&answer, done).await;
    }
    assert_eq!(appointments(&world).await, 2);
    assert_eq!(world.verify_chains().await, 2);
    every_row_is_logged(&world, BOOK).await;
}

#[tokio::test]
async fn a_commit_that_fell_into_a_silent_link_is_fenced_and_can_be_tried_again() {
    let world = linked(3).await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let before = world.stored().await;
    world.link().cut([Cut::SilentBefore("commit")]);
    let answer = ada
        .post("/v1/appointments", at_nine(&ada, &vera))
        .await
        .problem(503, "unavailable");
    assert!(world.link().was_cut());
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(world.stored().await, before);
    let failed = booking().by(&ada).attempted().patient(ada.id);
    world.audited(&answer, failed.failed("commit-lost")).await;
    every_row_is_logged(&world, BOOK).await;
}

// A database that can't be reached when the COMMIT is to be settled.

#[tokio::test]
async fn a_commit_is_settled_as_soon_as_the_database_can_be_reached_again() {
    for (cut, status, outcome) in [
        (Cut::After("commit"), 201, "SUCCESS"),
        (Cut::Before("commit"), 503, "FAILURE"),
    ] {
        // The row would begin the chain of its environment.
        let world = linked(10).await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world.link().cut_and_refuse(cut, 6);
        let answer = ada.post("/v1/appointments", at_nine(&ada, &vera)).await;
        assert_eq!(world.link().refusals_left(), 0);
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(outcomes(&world.audit_of(&answer).await), [outcome]);
        assert_eq!(appointments(&world).await, usize::from(status == 201));
        assert_eq!(world.verify_chains().await, 1);
        every_row_is_logged(&world, BOOK).await;
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_called_unknown_and_is_settled_by_the_next_request() {
    for (cut, stored, outcome) in [
        (Cut::After("commit"), 1, "SUCCESS"),
        (Cut::Before("commit"), 0, "FAILURE"),
    ] {
        let world = linked(3).await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world.link().cut_and_refuse(cut, usize::MAX);
        let answer = ada
            .post("/v1/appointments", at_nine(&ada, &vera))
            .await
            .problem(503, "outcome-unknown");
        assert_eq!(answer.header("retry-after"), "");
        assert_eq!(appointments(&world).await, stored);

        // Until the row is settled no other row is written, so nobody gets an answer.
        let refused = ada.get("/v1/appointments").await;
        assert_eq!(refused.status, 503, "{}", refused.text);
        let refused = ada
            .post(
                "/v1/appointments",
                slot(&ada, &vera, "2030-01-07T10:00:00Z"),
            )
            .await
            .problem(503, "unavailable");
        assert!(world.audit_of(&refused).await.is_empty());

        world.link().mend();
        let next = ada
            .post(
                "/v1/appointments",
                slot(&ada, &vera, "2030-01-07T11:00:00Z"),
            )
            .await
            .expect(201);
        let rows = world.audit_of(&answer).await;
        assert_eq!(outcomes(&rows), [outcome]);
        let followed = &world.audit_of(&next).await[0];
        let position = followed.position;
        assert_eq!(
            (position.chain_id, position.seq),
            (rows[0].position.chain_id, 2)
        );
        assert_eq!(world.verify_chains().await, 2);
        every_row_is_logged(&world, BOOK).await;
    }
}

#[tokio::test]
async fn a_request_with_a_key_may_be_sent_again_even_if_its_outcome_is_unknown() {
    let world = linked(3).await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let body = at_nine(&ada, &vera);
    world
        .link()
        .cut_and_refuse(Cut::After("commit"), usize::MAX);
    let answer = post_with_key(&ada, &body)
        .await
        .problem(503, "outcome-unknown");
    assert_eq!(answer.header("retry-after"), "1");
    world.link().mend();
    let again = post_with_key(&ada, &body).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(appointments(&world).await, 1);
    assert_eq!(outcomes(&world.audit_of(&answer).await), ["SUCCESS"]);
    every_row_is_logged(&world, BOOK).await;
}

// A COMMIT that takes longer than the function has.

#[tokio::test]
async fn a_commit_that_outlasts_the_function_is_never_called_undone() {
    // The function must have answered after 3 seconds, and waits for the COMMIT for half of them.
    for seconds in ["1.3", "1.6", "2.2", "2.6", "2.9", "3.5"] {
        let world = linked(3).await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world
            .sql(
                &format!(
                    "create function sleep() returns trigger language plpgsql as $$
                     begin perform pg_sleep({seconds}); return null; end $$"
                ),
                &[],
            )
            .await;
        world
            .sql(
                "create constraint trigger slow after insert on appointments deferrable initially deferred
                 for each row execute function sleep()",
                &[],
            )
            .await;
        let answer = ada.post("/v1/appointments", at_nine(&ada, &vera)).await;
        world.sql("drop trigger slow on appointments", &[]).await;
        eventually("the COMMIT has ended", async || {
            let open = "select count(*) as open from pg_stat_activity
                        where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()";
            world.row(open, &[]).await["open"] == 0
        })
        .await;
        let booked = appointments(&world).await;
        match answer.status {
            201 => assert_eq!(booked, 1, "{seconds}"),
            _ => {
                let problem = answer.body["type"].as_str().unwrap_or_default();
                let is_unknown = problem.ends_with("/outcome-unknown");
                assert!(is_unknown || booked == 0, "{seconds}: {}", answer.text);
            }
        }
        // The next request of the environment settles the row before it writes its own.
        let next = slot(&ada, &vera, "2030-01-08T09:00:00Z");
        ada.post("/v1/appointments", next).await.expect(201);
        let rows = world.audit_of(&answer).await;
        let outcome = if booked == 1 { "SUCCESS" } else { "FAILURE" };
        assert_eq!(outcomes(&rows), [outcome], "{seconds}: {}", answer.text);
        every_row_is_logged(&world, BOOK).await;
        world.verify_chains().await;
    }
}

// A silent link.

#[tokio::test]
async fn a_silent_database_is_answered_with_503_within_the_functions_time() {
    let world = linked(3).await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let before = world.stored().await;
    for cut in ["begin_request", "insert into appointments"] {
        world.link().cut([Cut::SilentBefore(cut)]);
        let answer = ada
            .post("/v1/appointments", at_nine(&ada, &vera))
            .await
            .problem(503, "unavailable");
        assert!(world.link().was_cut());
        // The row is written on another connection.
        let failed = booking().by(&ada).attempted().patient(ada.id);
        world.audited(&answer, failed.failed("unavailable")).await;
    }
    world.restart(BOOK).await;
    world.link().silence(true);
    let answer = ada
        .post("/v1/appointments", at_nine(&ada, &vera))
        .await
        .problem(503, "unavailable");
    assert!(world.audit_of(&answer).await.is_empty());
    assert_eq!(world.stored().await, before);
    world
        .anybody()
        .get("/health")
        .await
        .problem(503, "unavailable");
}

// Refusals.

#[tokio::test]
async fn a_refusal_whose_row_was_not_confirmed_is_still_that_refusal() {
    for cut in [
        Cut::Before("commit"),
        Cut::After("commit"),
        Cut::SilentBefore("commit"),
        Cut::SilentAfter("commit"),
    ] {
        let world = linked(3).await;
        let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
        world.link().cut([cut]);
        let answer = ben
            .get(&format!("/v1/patients/{}", ada.id))
            .await
            .problem(404, "not-found");
        assert!(world.link().was_cut(), "{cut:?}");
        let read = audit("get-patient", "READ", "PATIENT").by(&ben);
        let denied = read.resource(ada.id).patient(ada.id).denied("not-found");
        world.audited(&answer, denied).await;
        assert_eq!(world.verify_chains().await, 1);
        every_row_is_logged(&world, "get-patient").await;
    }
}

#[tokio::test]
async fn a_refusal_whose_row_can_not_be_settled_is_not_told_and_its_row_is_settled_later() {
    let world = linked(3).await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let chart = format!("/v1/patients/{}", ada.id);
    world
        .link()
        .cut_and_refuse(Cut::Before("commit"), usize::MAX);
    let answer = ben.get(&chart).await.problem(503, "unavailable");
    world.link().mend();
    ada.get(&chart).await.expect(200);
    let rows = world.audit_of(&answer).await;
    assert_eq!(outcomes(&rows), ["DENIED"]);
    assert_eq!(rows[0].entry.details["reason"], "not-found");
    assert_eq!(world.verify_chains().await, 2);
    every_row_is_logged(&world, "get-patient").await;
}

// Events.

/// How many audit rows the invocations of `process-upload` say that they committed.
async fn rows_logged(world: &World) -> usize {
    let logs = world.cloud.logs("process-upload");
    logs.wait_for("event handled", PATIENCE).await.unwrap();
    let lines = logs.lines().into_iter();
    let handled = lines.filter(|line| line.contains("event handled"));
    let rows = handled.map(|line| {
        let line: Value = serde_json::from_str(&line).unwrap();
        line["rows"].as_u64().unwrap() as usize
    });
    rows.sum()
}

#[tokio::test]
async fn a_step_of_an_event_is_settled_like_a_request() {
    for cut in [
        Cut::Before("commit"),
        Cut::After("commit"),
        Cut::SilentBefore("commit"),
        Cut::SilentAfter("commit"),
    ] {
        let world = linked(4).await;
        let ada = world.patient("Ada").await;
        // The transaction behind the silent link locks the file, and the event is sent again soon.
        end_idle_transactions_soon(&world).await;
        let (id, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
        world.link().cut([cut]);
        assert_eq!(ada.upload(&upload, files::PDF).await, 200);
        world.cloud.settled().await;
        assert!(world.link().was_cut(), "{cut:?}");
        let file = world
            .row("select status from file_metadata where id = $1", &[&id])
            .await;
        assert_eq!(file, json!({"status": "AVAILABLE"}), "{cut:?}");
        assert!(world.cloud.dead_letters().is_empty());
        let log = world.audit_log().await;
        let steps: Vec<_> = log
            .iter()
            .filter(|row| row.entry.application == "process-upload")
            .map(|row| row.entry.outcome.label())
            .collect();
        // The event whose COMMIT was lost failed, and was sent again. So was the event that spent its time
        // waiting for the confirmation of its first step.
        let expected = match cut {
            Cut::After(_) => &["SUCCESS", "SUCCESS"][..],
            Cut::SilentAfter(_) => &["SUCCESS", "SUCCESS", "SUCCESS"],
            Cut::Before(_) | Cut::SilentBefore(_) => &["FAILURE", "SUCCESS", "SUCCESS"],
        };
        assert_eq!(steps, expected, "{cut:?}");
        assert_eq!(rows_logged(&world).await, steps.len(), "{cut:?}");
        world.verify_chains().await;
        every_row_is_logged(&world, "process-upload").await;
    }
}

#[tokio::test]
async fn an_event_ends_although_the_link_fell_silent() {
    // Of its five minutes it waits only as long as PostgreSQL may take.
    let world = linked(300).await;
    let ada = world.patient("Ada").await;
    let (id, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
    world.link().cut([Cut::SilentBefore("begin_job")]);
    assert_eq!(ada.upload(&upload, files::PDF).await, 200);
    tokio::time::timeout(Duration::from_secs(90), world.cloud.settled())
        .await
        .expect("the event ends");
    assert!(world.link().was_cut());
    let file = world
        .row("select status from file_metadata where id = $1", &[&id])
        .await;
    assert_eq!(file, json!({"status": "AVAILABLE"}));
    let log = world.audit_log().await;
    let failed = log.iter().find(|row| {
        row.entry.application == "process-upload" && row.entry.outcome.label() == "FAILURE"
    });
    assert_eq!(failed.unwrap().entry.details["reason"], "unavailable");
    every_row_is_logged(&world, "process-upload").await;
}

// Any point of the conversation.

/// Books once for each of `points`, while the connection has `fault` after that many bytes. Then checks that
/// each answer said what happened.
async fn book_with_faults(toward: Toward, fault: Fault, points: impl Iterator<Item = usize>) {
    let world = linked(3).await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    end_idle_transactions_soon(&world).await;
    let day = |index: usize, hour: usize| {
        format!(
            "{}-{:02}-{:02}T{hour:02}:00:00Z",
            2030 + index / 336,
            index / 28 % 12 + 1,
            index % 28 + 1
        )
    };
    let mut answers = Vec::new();
    for (index, bytes) in points.enumerate() {
        if index % 4 == 0 {
            // A cold environment begins a chain, and its connection is set up within the bytes.
            world.restart(BOOK).await;
        }
        world.link().fault_after(toward, bytes, fault);
        let time = day(index, 9);
        let answer = ada.post("/v1/appointments", slot(&ada, &vera, &time)).await;
        world.link().mend();
        // The environment lives on and settles what is open. Until then nothing is changed.
        eventually("the row is settled", async || {
            let next = slot(&ada, &vera, &day(index, 15));
            let next = ada.post("/v1/appointments", next).await;
            assert!(matches!(next.status, 201 | 503), "{}", next.text);
            next.status == 201
        })
        .await;
        answers.push((bytes, time, answer));
    }
    let (mut made, mut failed, mut unknown) = (0, 0, 0);
    for (bytes, time, answer) in answers {
        let at = format!("after {bytes} bytes: {}", answer.text);
        let stored = world
            .sql(
                "select from appointments where scheduled_at = $1::text::timestamptz",
                &[&time],
            )
            .await
            .len();
        let rows = world.audit_of(&answer).await;
        let outcomes = outcomes(&rows);
        match (answer.status, answer.body["type"].as_str()) {
            (201, _) => {
                assert_eq!((stored, &outcomes[..]), (1, &["SUCCESS"][..]), "{at}");
                made += 1;
            }
            (503, Some("/problems/unavailable")) => {
                assert_eq!(stored, 0, "{at}");
                assert!(
                    matches!(outcomes[..], [] | ["FAILURE"]),
                    "{at}: {outcomes:?}"
                );
                failed += 1;
            }
            (503, Some("/problems/outcome-unknown")) => {
                let expected = if stored == 1 { "SUCCESS" } else { "FAILURE" };
                assert_eq!(outcomes, [expected], "{at}");
                unknown += 1;
            }
            _ => panic!("{at}"),
        }
    }
    eprintln!("{toward:?} {fault:?}: {made} made, {failed} failed, {unknown} unknown");
    world.verify_chains().await;
    every_row_is_logged(&world, BOOK).await;
}

#[tokio::test]
async fn the_answer_says_what_happened_wherever_a_request_to_the_database_breaks_off() {
    book_with_faults(Toward::Server, Fault::Break, (1..6000).step_by(97)).await;
}

#[tokio::test]
async fn the_answer_says_what_happened_wherever_an_answer_of_the_database_breaks_off() {
    book_with_faults(Toward::Function, Fault::Break, (1..4000).step_by(67)).await;
}

#[tokio::test]
async fn the_answer_says_what_happened_wherever_a_request_to_the_database_falls_silent() {
    book_with_faults(Toward::Server, Fault::Silence, (500..6000).step_by(489)).await;
}

#[tokio::test]
async fn the_answer_says_what_happened_wherever_an_answer_of_the_database_falls_silent() {
    book_with_faults(Toward::Function, Fault::Silence, (100..3000).step_by(283)).await;
}
