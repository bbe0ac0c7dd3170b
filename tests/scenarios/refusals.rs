//! Refused requests: a caller who may not act reads that first, and nobody can fill the audit log with refusals.

use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use tests::audit::{AuditRow, Expected};
use tests::prelude::*;

use crate::unfit_requests::{Operation, document};

/// The refusals of a caller within a minute that get an audit row.
const RECORDED: usize = 20;

fn row() -> Expected {
    audit("create-patient", "CREATE", "PATIENT")
}

async fn limited(setup: Setup) -> World {
    let world = World::with(setup).await;
    world.limit_refusals().await;
    world
}

/// Returns the rows of refusals, oldest first.
async fn refusals(world: &World) -> Vec<AuditRow> {
    let mut log = world.audit_log().await;
    log.retain(|row| row.entry.outcome.label() != "SUCCESS");
    log
}

/// Returns the counters of refusals.
async fn counters(world: &World) -> Vec<Value> {
    let counters = "select subject, refused, left_out from refusals order by subject";
    world.rows(counters, &[]).await
}

/// Lets this time pass for all counters of refusals.
async fn pass(world: &World, time: &str) {
    let pass = "update refusals set since = since - $1::text::interval";
    world.sql(pass, &[&time]).await;
}

/// Lets this many clients of the caller send this many requests each at the same time. Returns the statuses.
async fn at_once(caller: &Actor, clients: usize, requests: usize) -> Vec<u16> {
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let caller = caller.clone();
        sending.spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..requests {
                statuses.push(caller.get("/v1/me").await.status);
            }
            statuses
        });
    }
    sending.join_all().await.concat()
}

/// Returns how many refusals without a row the row counts.
fn left_out(row: &AuditRow) -> Option<&Value> {
    row.entry.details.get("refusals_left_out")
}

#[tokio::test]
async fn whatever_a_caller_sends_who_may_not_act_is_forbidden_and_recorded_as_denied() {
    // Given callers without a profile, without the permission, without the second factor and without an
    // active account.
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let with_password_alone = world.as_changed(&admin, |request| request.aal = "aal1".into());
    let closed = world.admin().await;
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    world.sql(suspend, &[&closed.user]).await;
    let before = world.stored().await;
    for caller in [&world.stranger(), &*ada, &with_password_alone, &closed] {
        // When they send bodies and headers of all kinds.
        for (what, body, media_type, key) in [
            ("an unfit body", "{}", "application/json", "1"),
            ("no JSON", "{", "application/json", "2"),
            ("another type", "{}", "text/plain", "3"),
            ("a malformed key", "{}", "application/json", "two words"),
            (
                "a large body",
                &" ".repeat(128 * 1024 + 1),
                "application/json",
                "4",
            ),
        ] {
            let request = caller
                .request(Method::POST, "/v1/patients")
                .header(CONTENT_TYPE, media_type)
                .header("idempotency-key", key)
                .body(Full::from(body.to_owned()))
                .unwrap();
            let answer = caller.send_request(request).await.problem(403, "forbidden");
            // Then the answer says only that they may not act, and so does the row.
            assert!(answer.body["errors"].is_null(), "{what}");
            let mut denied = row().by(caller).denied("forbidden");
            if caller.role.is_none() {
                denied = denied.detail("subject", caller.subject.to_string());
            }
            world.audited(&answer, denied).await;
        }
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn no_operation_tells_a_stranger_anything_about_their_request() {
    let world = World::new().await;
    let stranger = world.stranger();
    for operation in Operation::all(&document()) {
        if operation.is_for_anybody() {
            continue;
        }
        let answer = stranger.send_request(operation.malformed(&stranger)).await;
        assert_eq!(answer.status, 403, "{}: {}", operation.name(), answer.text);
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1, "{}", operation.name());
        let entry = &rows[0].entry;
        assert_eq!(entry.outcome.label(), "DENIED", "{}", operation.name());
        assert_eq!(entry.details["reason"], "forbidden", "{}", operation.name());
    }
}

#[tokio::test]
async fn beyond_twenty_in_a_minute_refusals_have_no_row_and_the_next_row_counts_them() {
    // Given a caller without a profile whose requests are refused.
    let world = limited(Setup::default()).await;
    let stranger = world.stranger();
    for _ in 0..RECORDED {
        let answer = stranger.post("/v1/patients", json!({})).await;
        answer.problem(403, "forbidden");
    }
    // When more are refused within the minute.
    for _ in 0..3 {
        let answer = stranger.post("/v1/patients", json!({})).await;
        let answer = answer.problem(429, "too-many-refusals");
        // Then the caller reads how long to wait, and nothing is recorded.
        let seconds: u32 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert!(world.audit_of(&answer).await.is_empty());
    }
    assert_eq!(refusals(&world).await.len(), RECORDED);
    // And the first row of the next minute counts them, and its hash covers the count.
    pass(&world, "1 minute").await;
    let answer = stranger.post("/v1/patients", json!({})).await;
    let answer = answer.problem(403, "forbidden");
    let counted = row()
        .denied("forbidden")
        .detail("subject", stranger.subject.to_string())
        .detail("refusals_left_out", 3);
    world.audited(&answer, counted).await;
    let answer = stranger.post("/v1/patients", json!({})).await;
    let rows = world.audit_of(&answer.problem(403, "forbidden")).await;
    assert_eq!(left_out(&rows[0]), None);
    assert_eq!(
        counters(&world).await,
        [json!({"subject": stranger.subject, "refused": 2, "left_out": 0})]
    );
    world.verify_chains().await;
}

#[tokio::test]
async fn successes_do_not_count_and_a_success_counts_the_refusals_before_it() {
    let world = limited(Setup::default()).await;
    let ada = world.patient("Ada").await;
    let chart = format!("/v1/patients/{}", ada.id);
    for _ in 0..2 * RECORDED {
        ada.get(&chart).await.expect(200);
    }
    // Given a patient with five refusals beyond the limit. A forbidden chart and an absent one count alike.
    let other = format!("/v1/patients/{}", world.patient("Ben").await.id);
    let absent = format!("/v1/patients/{}", Uuid::now_v7());
    for index in 0..RECORDED + 5 {
        let path = if index % 2 == 0 { &other } else { &absent };
        let expected = if index < RECORDED { 404 } else { 429 };
        assert_eq!(ada.get(path).await.status, expected, "{index}");
    }
    // When they read their own chart, they get it, and the row counts the five once.
    let success = audit("get-patient", "READ", "PATIENT")
        .by(&ada)
        .resource(ada.id)
        .patient(ada.id);
    let answer = ada.get(&chart).await.expect(200);
    world
        .audited(&answer, success.clone().detail("refusals_left_out", 5))
        .await;
    for _ in 0..2 {
        let answer = ada.get(&chart).await.expect(200);
        world.audited(&answer, success.clone()).await;
    }
    // And it still is the same minute for their refusals.
    ada.get(&other).await.problem(429, "too-many-refusals");
}

#[tokio::test]
async fn what_the_state_of_the_data_refuses_does_not_count() {
    let world = limited(Setup::default()).await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let path = format!("/v1/patients/{}", ada.id);
    for _ in 0..=RECORDED {
        let answer = admin.patch(&path, 7, json!({"gender": "other"})).await;
        answer.problem(412, "precondition-failed");
    }
    assert!(counters(&world).await.is_empty());
    // But its row counts refusals that have none.
    for _ in 0..RECORDED + 2 {
        admin.get("/v1/me?zebrafish=1").await;
    }
    let answer = admin.patch(&path, 7, json!({"gender": "other"})).await;
    let rows = world
        .audit_of(&answer.problem(412, "precondition-failed"))
        .await;
    assert_eq!(left_out(&rows[0]), Some(&json!(2)));
    assert_eq!(counters(&world).await[0]["left_out"], 0);
}

#[tokio::test]
async fn refusals_of_different_callers_do_not_count_together() {
    let world = limited(Setup::default()).await;
    let (stranger, another) = (world.stranger(), world.stranger());
    for _ in 0..=RECORDED {
        stranger.get("/v1/me").await;
    }
    stranger
        .get("/v1/me")
        .await
        .problem(429, "too-many-refusals");
    another.get("/v1/me").await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_concurrent_refusals_costs_twenty_rows_and_one_counter_and_none_is_lost() {
    // Given a caller without a profile and a cloud with several instances.
    let world = limited(Setup {
        instances: 8,
        ..Setup::default()
    })
    .await;
    let stranger = world.stranger();
    // When they flood an endpoint with 200 requests, eight at a time.
    let answers = at_once(&stranger, 8, 25).await;
    // Then twenty have a row, and all others are counted in one row of one page.
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(403), count(429)), (RECORDED, 180), "{answers:?}");
    assert_eq!(refusals(&world).await.len(), RECORDED);
    assert_eq!(
        counters(&world).await,
        [json!({"subject": stranger.subject, "refused": 200, "left_out": 180})]
    );
    let size = "select pg_relation_size('refusals') <= 2 * 8192 as is_small";
    assert_eq!(world.row(size, &[]).await["is_small"], true);
    // And concurrent requests of the next minute count them once between them.
    pass(&world, "1 minute").await;
    assert_eq!(at_once(&stranger, 8, 2).await, [403; 16]);
    let counted = refusals(&world)
        .await
        .iter()
        .filter_map(left_out)
        .filter_map(Value::as_u64)
        .sum::<u64>();
    assert_eq!(counted, 180);
    world.verify_chains().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_successes_count_former_refusals_once_between_them() {
    let world = limited(Setup {
        instances: 8,
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    let absent = format!("/v1/patients/{}", Uuid::now_v7());
    for _ in 0..RECORDED + 7 {
        ada.get(&absent).await;
    }
    assert_eq!(at_once(&ada, 8, 2).await, [200; 16]);
    let log = world.audit_log().await;
    let counted: Vec<&Value> = log.iter().filter_map(left_out).collect();
    assert_eq!(counted, [&json!(7)]);
}

#[tokio::test]
async fn a_refusal_beyond_the_limit_takes_two_round_trips_more_than_its_attempt() {
    let world = limited(Setup {
        link: true,
        ..Setup::default()
    })
    .await;
    let stranger = world.stranger();
    for _ in 0..RECORDED {
        stranger.get("/v1/me").await.problem(403, "forbidden");
    }
    world.link().clear();
    stranger
        .get("/v1/me")
        .await
        .problem(429, "too-many-refusals");
    assert_eq!(world.link().round_trips().len(), 3);
    // A body that isn't fit makes no attempt.
    for _ in 0..2 {
        world.link().clear();
        let answer = stranger.post("/v1/patients", json!({})).await;
        answer.problem(429, "too-many-refusals");
    }
    assert_eq!(world.link().round_trips().len(), 2);
}

#[tokio::test]
async fn a_count_whose_commit_is_lost_is_in_the_row_after_the_fence_and_no_count_is_in_two_rows() {
    for (cut, counted) in [
        (Cut::After("commit"), [Some(4), None]),
        (Cut::Before("commit"), [None, Some(4)]),
    ] {
        // Given a patient with four refusals that no row counts.
        let world = limited(Setup {
            link: true,
            ..Setup::default()
        })
        .await;
        let ada = world.patient("Ada").await;
        for _ in 0..RECORDED + 4 {
            ada.get("/v1/me?zebrafish=1").await;
        }
        pass(&world, "1 minute").await;
        // When the COMMIT of the row that counts them is cut, the row after it counts what it doesn't.
        for (is_cut, counted) in [(true, counted[0]), (false, counted[1])] {
            if is_cut {
                world.link().cut([cut]);
            }
            let answer = ada.get("/v1/me?zebrafish=1").await;
            let rows = world.audit_of(&answer.problem(422, "invalid")).await;
            assert_eq!(rows.len(), 1);
            assert_eq!(
                left_out(&rows[0]).and_then(Value::as_i64),
                counted,
                "{cut:?}"
            );
        }
        assert!(world.link().was_cut());
        assert_eq!(counters(&world).await[0]["left_out"], 0);
        world.verify_chains().await;
    }
}

#[tokio::test]
async fn a_large_body_is_read_only_once_the_database_lets_the_caller_act() {
    let world = World::with(Setup {
        link: true,
        ..Setup::default()
    })
    .await;
    let (stranger, admin) = (world.stranger(), world.admin().await);
    let large = json!({"zebrafish": "x".repeat(40_000)});
    // Given a caller who may not act, the refusal is known before the body is read.
    world.link().clear();
    let answer = stranger.post("/v1/patients", large.clone()).await;
    answer.problem(403, "forbidden");
    let trips = world.link().round_trips();
    assert_eq!(trips.len(), 3, "{trips:#?}");
    assert!(
        trips[0].statements.contains(&"rollback".to_owned()),
        "{trips:#?}"
    );
    // A caller who may act is asked about once, and then known.
    for expected in [3, 2] {
        world.link().clear();
        let answer = admin.post("/v1/patients", large.clone()).await;
        answer.problem(422, "invalid");
        let trips = world.link().round_trips();
        assert_eq!(trips.len(), expected, "{trips:#?}");
    }
    // A small body takes no further round trip.
    world.link().clear();
    world
        .stranger()
        .post("/v1/patients", json!({}))
        .await
        .problem(403, "forbidden");
    assert_eq!(world.link().round_trips().len(), 2);
}

#[tokio::test]
async fn ended_counters_are_deleted_and_the_row_of_that_counts_what_no_other_row_counted() {
    let world = limited(Setup::default()).await;
    let (stranger, another, late) = (world.stranger(), world.stranger(), world.stranger());
    for _ in 0..RECORDED + 2 {
        stranger.get("/v1/me").await;
    }
    another.get("/v1/me").await;
    pass(&world, "61 minutes").await;
    late.get("/v1/me").await;
    let schedule = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event"});
    let run = world
        .cloud
        .invoke("expire-idempotency-keys", &schedule)
        .await;
    let report = run.expect("the counters are deleted");
    let details = json!({
        "expired_counters": 2,
        "left_out_of_subjects": {stranger.subject.to_string(): 2}
    });
    assert_eq!(report["steps"][0]["details"], details);
    let log = world.audit_log().await;
    let row = log.last().unwrap();
    let mut expected = audit("expire-idempotency-keys", "PROCESS", "IDEMPOTENCY_KEY").by_system();
    for (key, value) in details.as_object().unwrap() {
        expected = expected.detail(key, value.clone());
    }
    assert_eq!(Expected::of(row), expected);
    assert_eq!(
        counters(&world).await,
        [json!({"subject": late.subject, "refused": 1, "left_out": 0})]
    );
}

#[tokio::test]
async fn an_operator_sets_the_limit_within_bounds() {
    let world = limited(Setup::default()).await;
    let url = world.superuser_url();
    for wrong in [0, -1, 100_001] {
        let refused = migrations::set_refusals_per_minute(&url, None, wrong).await;
        assert!(refused.is_err(), "{wrong}");
    }
    migrations::set_refusals_per_minute(&url, None, 1)
        .await
        .unwrap();
    let stranger = world.stranger();
    stranger.get("/v1/me").await.problem(403, "forbidden");
    stranger
        .get("/v1/me")
        .await
        .problem(429, "too-many-refusals");
}
