//! `Idempotency-Key`: a repeated POST does its work once, and its answer is read again.

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use tests::audit::Expected;
use tests::prelude::*;

fn booking() -> Expected {
    audit("create-appointment", "CREATE", "APPOINTMENT").may_give_care()
}

fn slot(patient: &Patient, provider: &Provider, scheduled_at: &str) -> Value {
    json!({
        "patient_id": patient.id,
        "provider_id": provider.id,
        "scheduled_at": scheduled_at,
        "duration_minutes": 30
    })
}

async fn post(caller: &Actor, key: &str, path: &str, body: &Value) -> Answer {
    let request = caller
        .request(Method::POST, path)
        .header(CONTENT_TYPE, "application/json")
        .header("idempotency-key", key)
        .body(Full::from(Bytes::from(body.to_string())))
        .unwrap();
    caller.send_request(request).await
}

async fn book(caller: &Actor, key: &str, body: &Value) -> Answer {
    post(caller, key, "/v1/appointments", body).await
}

async fn appointments(world: &World) -> usize {
    world.rows("select id from appointments", &[]).await.len()
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_its_work_is_done_once() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let body = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    let first = book(&ada, "key-1", &body).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    let before = world.stored().await;

    // Any execution environment can replay the answer.
    world.restart("create-appointment").await;
    let again = book(&ada, "key-1", &body).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_ne!(again.request_id(), first.request_id());
    assert_eq!(world.stored().await, before);

    let done = booking().by(&ada).resource(first.id()).patient(ada.id);
    world.audited(&first, done.clone()).await;
    world.audited(&again, done.detail("replayed", true)).await;
    assert_eq!(world.verify_chains().await, 2);
}

#[tokio::test]
async fn a_key_used_for_another_request_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let body = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    book(&ada, "key-1", &body).await.expect(201);
    let before = world.stored().await;
    let other = slot(&ada, &vera, "2030-01-08T09:00:00Z");
    let answer = book(&ada, "key-1", &other)
        .await
        .problem(422, "idempotency-key-reused");
    let rows = world.audit_of(&answer).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].entry.outcome.label(), "FAILURE");
    assert_eq!(rows[0].entry.details["reason"], "idempotency-key-reused");
    // The key can't be used for another endpoint either.
    let file = announcement("PATIENT", ada.user, "image/png", files::PNG);
    post(&ada, "key-1", "/v1/files", &file)
        .await
        .problem(422, "idempotency-key-reused");
    assert_eq!(world.stored().await, before);
    book(&ada, "key-2", &other).await.expect(201);
}

#[tokio::test]
async fn two_callers_may_use_the_same_key() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let of_ada = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    book(&ada, "key-1", &of_ada).await.expect(201);
    let of_ben = slot(&ben, &vera, "2030-01-08T09:00:00Z");
    let answer = book(&ben, "key-1", &of_ben).await.expect(201);
    assert_eq!(answer.body["patient_id"], json!(ben.id));
    // Ben can't replay Ada's answer.
    book(&ben, "key-2", &of_ada).await.problem(404, "not-found");
    assert_eq!(appointments(&world).await, 2);
}

#[tokio::test]
async fn a_failed_request_leaves_its_key_free() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let taken = world
        .visit(&ben, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let body = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    book(&ada, "key-1", &body).await.problem(409, "conflict");
    world
        .sql(
            "update appointments set status = 'CANCELLED' where id = $1",
            &[&taken],
        )
        .await;
    let answer = book(&ada, "key-1", &body).await.expect(201);
    assert_eq!(answer.header("idempotency-replayed"), "");
}

#[tokio::test]
async fn of_many_concurrent_requests_one_does_the_work_and_all_get_its_answer() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (ada, body) = (ada.clone(), slot(&ada, &vera, "2030-01-07T09:00:00Z"));
        requests.spawn(async move { book(&ada, "key-1", &body).await.expect(201) });
    }
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed") == "true");
    assert_eq!(replayed.count(), 5);
    assert_eq!(appointments(&world).await, 1);
    assert_eq!(world.verify_chains().await, 6);
}

#[tokio::test]
async fn a_lost_commit_leaves_its_key_free_and_a_completed_one_keeps_it() {
    for (cut, first, again) in [
        (Cut::Before("commit"), 503, ""),
        (Cut::After("commit"), 201, "true"),
    ] {
        let world = World::with(Setup {
            link: true,
            ..Setup::default()
        })
        .await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        let body = slot(&ada, &vera, "2030-01-07T09:00:00Z");
        world.link().cut([cut]);
        assert_eq!(book(&ada, "key-1", &body).await.status, first);
        let answer = book(&ada, "key-1", &body).await.expect(201);
        assert_eq!(answer.header("idempotency-replayed"), again, "{cut:?}");
        assert_eq!(appointments(&world).await, 1);
    }
}

#[tokio::test]
async fn a_replay_checks_again_whether_the_caller_may_act() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let body = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    book(&ada, "key-1", &body).await.expect(201);
    world
        .sql("update user_profiles set status = 'SUSPENDED'", &[])
        .await;
    book(&ada, "key-1", &body).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_replay_shows_no_more_than_the_caller_may_see_today() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let body = json!({
        "patient_id": ada.id,
        "record_type": "NOTE",
        "content": {"text": "Zebrafish-Disclosure"}
    });
    let write = async || post(&vera, "key-1", "/v1/medical-records", &body).await;
    let first = write().await.expect(201);
    let stored = world.rows("select * from idempotency_keys", &[]).await;
    assert!(!json!(stored).to_string().contains("Zebrafish"));
    let again = write().await.expect(201);
    assert_eq!(again.text, first.text);

    world
        .sql("update patients set assigned_providers = '{}'", &[])
        .await;
    let refused = write().await.problem(404, "not-found");
    assert!(!refused.text.contains("Zebrafish"));
    let denied = audit("create-record", "CREATE", "MEDICAL_RECORD")
        .by(&vera)
        .resource(first.id())
        .patient(ada.id)
        .detail("replayed", true);
    world.audited(&refused, denied.denied("not-found")).await;
}

#[tokio::test]
async fn a_replay_shows_the_resource_and_its_version_as_they_are_now() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let body = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    let first = book(&ada, "key-1", &body).await.expect(201);
    let cancel = format!("/v1/appointments/{}/cancel", first.id());
    ada.post(&cancel, json!({"reason": "Moved away"}))
        .await
        .expect(200);
    let again = book(&ada, "key-1", &body).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.body["status"], "CANCELLED");
    assert_eq!(
        (first.header("etag"), again.header("etag")),
        ("\"1\"", "\"2\"")
    );
    let done = booking().by(&ada).resource(first.id()).patient(ada.id);
    world.audited(&again, done.detail("replayed", true)).await;
}

#[tokio::test]
async fn a_replayed_announcement_has_no_urls_because_they_are_secrets() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let file = announcement("PATIENT", ada.user, "image/png", files::PNG);
    let first = post(&ada, "key-1", "/v1/files", &file).await.expect(201);
    assert!(first.body["upload"]["url"].is_string());
    let stored = world.rows("select * from idempotency_keys", &[]).await;
    assert!(!json!(stored).to_string().contains("Signature"));
    let again = post(&ada, "key-1", "/v1/files", &file).await.expect(201);
    assert_eq!(again.body["file"], first.body["file"]);
    assert_eq!(again.body["upload"], Value::Null);
    assert_eq!(again.header("location"), first.header("location"));
    // The caller gets new URLs.
    let id = first.body["file"]["id"].as_str().unwrap();
    let renewed = ada.post_nothing(&format!("/v1/files/{id}/upload")).await;
    let renewed = renewed.expect(200);
    assert_eq!(ada.upload(&renewed.body["upload"], files::PNG).await, 200);
}

#[tokio::test]
async fn a_caller_has_a_thousand_keys_a_day() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    let kept = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    book(&ada, "kept", &kept).await.expect(201);
    world
        .sql(
            "insert into idempotency_keys (user_id, key, operation, request_hash, status, resource_id)
             select $1, 'key-' || i, 'create-appointment', sha256('request'), 201, gen_random_uuid()
             from generate_series(1, 999) as i",
            &[&ada.user],
        )
        .await;
    let before = world.stored().await;
    let next = slot(&ada, &vera, "2030-01-08T09:00:00Z");
    let answer = book(&ada, "one-more", &next)
        .await
        .problem(429, "too-many-idempotency-keys");
    assert_eq!(world.stored().await, before);
    let failed = booking().by(&ada).attempted().patient(ada.id);
    world
        .audited(&answer, failed.failed("too-many-idempotency-keys"))
        .await;
    // Without a key, with a former key and as another caller everything works as before.
    let again = book(&ada, "kept", &kept).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    ada.post("/v1/appointments", next).await.expect(201);
    let bens = slot(&ben, &vera, "2030-01-09T09:00:00Z");
    book(&ben, "one-more", &bens).await.expect(201);
}

#[tokio::test]
async fn a_key_out_of_bounds_is_named_and_nothing_is_done() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let body = slot(&ada, &vera, "2030-01-07T09:00:00Z");
    let before = world.stored().await;
    for key in ["", "a b", "a,b", "ключ", &"x".repeat(256)] {
        let answer = book(&ada, key, &body).await.invalid("Idempotency-Key");
        world
            .audited(&answer, booking().by(&ada).failed("invalid"))
            .await;
    }
    assert_eq!(world.stored().await, before);
    book(&ada, &"x".repeat(255), &body).await.expect(201);
}

#[tokio::test]
async fn a_key_adds_no_round_trip() {
    let world = World::with(Setup {
        link: true,
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for (key, at) in [
        ("key-1", "2030-01-07T09:00:00Z"),
        ("key-2", "2030-01-08T09:00:00Z"),
    ] {
        world.link().clear();
        book(&ada, key, &slot(&ada, &vera, at)).await.expect(201);
        let trips = world.link().round_trips();
        assert_eq!(trips.len(), 2, "{trips:#?}");
    }
}
