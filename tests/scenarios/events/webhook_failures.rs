//! Deliveries that fail: they are repeated with growing pauses, and end after three days.

use domain::time::{TimeDelta, Timestamp};
use tests::prelude::*;
use tests::receiver::{Answering, Receiver};

use super::types_of;
use super::webhooks::{
    Hook, attempts, book, deliver, events_after, hook, make_due, progress, run, set_status,
};

const BOOKED: &[&str] = &["caretrail.appointment.booked.v1"];

struct Clinic {
    world: World,
    admin: Actor,
    receiver: Receiver,
    ada: Patient,
    vera: Provider,
    hook: Hook,
}

async fn clinic() -> Clinic {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let hook = hook(&admin, &receiver, Some(BOOKED)).await;
    Clinic {
        world,
        admin,
        receiver,
        ada,
        vera,
        hook,
    }
}

impl Clinic {
    async fn book(&self, days: std::ops::Range<u32>) {
        for day in days {
            book(&self.world, &self.ada, &self.vera, day).await;
        }
    }

    /// How many seconds the webhook waits.
    async fn pause(&self) -> f64 {
        let pause = "select extract(epoch from next_at - clock_timestamp())::float8 as seconds from webhook_progress";
        self.world.row(pause, &[]).await["seconds"]
            .as_f64()
            .unwrap()
    }
}

#[tokio::test]
async fn an_event_that_fails_holds_back_the_next_ones_and_is_sent_again_with_the_same_id() {
    let clinic = clinic().await;
    let Clinic {
        world,
        admin,
        receiver,
        hook,
        ..
    } = &clinic;
    clinic.book(7..10).await;
    receiver.answer([
        Answering::Status(204),
        Answering::Status(500),
        Answering::Status(503),
    ]);
    deliver(world).await;
    assert_eq!(receiver.deliveries().len(), 2);
    let failing = progress(world, hook).await;
    assert_eq!(failing["attempts"], 1);
    let pause = clinic.pause().await;
    assert!((3.0..=10.0).contains(&pause), "{pause}");
    let listed = admin.get("/v1/webhooks").await.expect(200);
    assert!(listed.body["items"][0]["failing_since"].is_string());
    // The version says nothing of deliveries.
    assert_eq!(listed.body["items"][0]["version"], 1);

    // It isn't due yet, then fails again, and then it is accepted.
    assert_eq!(run(world).await.unwrap(), json!({"steps": []}));
    make_due(world).await;
    deliver(world).await;
    let again = progress(world, hook).await;
    assert_eq!(again["attempts"], 2);
    assert_eq!(again["first_failed_at"], failing["first_failed_at"]);
    let pause = clinic.pause().await;
    assert!((10.0..=20.0).contains(&pause), "{pause}");
    make_due(world).await;
    deliver(world).await;

    let sent = events_after(world, hook, "appointment.booked%").await;
    assert_eq!(
        receiver.ids(),
        [0, 1, 1, 1, 2].map(|event: usize| sent[event].clone())
    );
    let log = attempts(admin, hook).await;
    let log: Vec<_> = log
        .iter()
        .map(|it| {
            (
                it["attempt"].as_u64().unwrap(),
                it["http_status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(log, [(1, 204), (1, 500), (2, 503), (3, 204), (1, 204)]);
    let done = progress(world, hook).await;
    assert_eq!(
        (
            &done["attempts"],
            &done["first_failed_at"],
            &done["next_at"]
        ),
        (&json!(0), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_pauses_grow_up_to_an_hour() {
    let clinic = clinic().await;
    clinic.book(7..8).await;
    for failed in 0..12_u32 {
        clinic.receiver.answer([Answering::Status(500)]);
        make_due(&clinic.world).await;
        deliver(&clinic.world).await;
        let longest = f64::from((10 * 2_u32.pow(failed)).min(3600));
        let pause = clinic.pause().await;
        assert!(
            (longest * 0.8 - 10.0..=longest).contains(&pause),
            "{failed}: {pause}"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_has_too_much_to_do_says_how_long_to_wait_up_to_an_hour() {
    let clinic = clinic().await;
    clinic.book(7..8).await;
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1800);
    for (status, value, from, to) in [
        (429, "120".to_owned(), 100.0, 120.0),
        (503, "120".to_owned(), 100.0, 120.0),
        (429, httpdate::fmt_http_date(later), 1700.0, 1800.0),
        (429, "7200".to_owned(), 3500.0, 3600.0),
        // A shorter time than the pause, another status and other text change nothing.
        (429, "1".to_owned(), 60.0, 160.0),
        (500, "3600".to_owned(), 150.0, 320.0),
        (429, "soon".to_owned(), 400.0, 640.0),
    ] {
        let answer = Answering::Header(status, "retry-after", value.clone());
        clinic.receiver.answer([answer]);
        make_due(&clinic.world).await;
        deliver(&clinic.world).await;
        let pause = clinic.pause().await;
        assert!((from..=to).contains(&pause), "{status} {value}: {pause}");
    }
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let clinic = clinic().await;
    clinic.book(7..8).await;
    let other = Receiver::new().await;
    let to = other.url("http", "127.0.0.1");
    clinic
        .receiver
        .answer([Answering::Header(307, "location", to)]);
    deliver(&clinic.world).await;
    assert_eq!(clinic.receiver.deliveries().len(), 1);
    assert_eq!(other.deliveries().len(), 0);
    let log = attempts(&clinic.admin, &clinic.hook).await;
    assert_eq!(log[0]["outcome"], "REFUSED");
    assert_eq!(log[0]["http_status"], 307);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_fails_after_fifteen_seconds_and_delays_no_other() {
    let clinic = clinic().await;
    let other = Receiver::new().await;
    hook(&clinic.admin, &other, Some(BOOKED)).await;
    clinic.book(7..9).await;
    clinic.receiver.answer([Answering::Never]);
    let others_are_served = async {
        other.has(2).await;
        attempts(&clinic.admin, &clinic.hook).await.len()
    };
    let (_, settled_before) = tokio::join!(deliver(&clinic.world), others_are_served);
    assert_eq!(settled_before, 0);
    assert_eq!(clinic.receiver.deliveries().len(), 1);
    let log = attempts(&clinic.admin, &clinic.hook).await;
    assert_eq!(log[0]["outcome"], "TIMED_OUT");
    assert_eq!(log[0]["http_status"], Value::Null);
    let duration = log[0]["duration_ms"].as_u64().unwrap();
    assert!((15_000..20_000).contains(&duration), "{duration}");
}

#[tokio::test]
async fn a_receiver_that_is_away_is_unreachable() {
    let clinic = clinic().await;
    clinic.book(7..8).await;
    let gone = clinic.receiver.url("http", "127.0.0.1");
    drop(clinic.receiver);
    clinic
        .world
        .sql("update webhooks set url = $1", &[&gone])
        .await;
    eventually("the receiver is away", async || {
        make_due(&clinic.world).await;
        deliver(&clinic.world).await;
        let log = attempts(&clinic.admin, &clinic.hook).await;
        log.last().is_some_and(|it| it["outcome"] == "UNREACHABLE")
    })
    .await;
}

#[tokio::test]
async fn after_three_days_of_failures_a_webhook_is_disabled_with_an_alarm_and_goes_on_when_enabled()
{
    // Given a webhook that has failed for almost three days
    let clinic = clinic().await;
    let Clinic {
        world,
        admin,
        receiver,
        hook,
        ..
    } = &clinic;
    clinic.book(7..9).await;
    receiver.answer(vec![Answering::Status(500); 3]);
    deliver(world).await;
    let age = async |interval: &str| {
        let age =
            format!("update webhook_progress set first_failed_at = now() - interval '{interval}'");
        world.sql(&age, &[]).await;
        make_due(world).await;
        deliver(world).await;
    };
    age("71 hours").await;
    let status = async || {
        world
            .row("select status, disabled_reason from webhooks", &[])
            .await
    };
    assert_eq!(
        status().await,
        json!({"status": "ACTIVE", "disabled_reason": null})
    );

    // When it fails after three days
    age("73 hours").await;

    // Then it is disabled, an alarm is raised, and consumers are told
    assert_eq!(
        status().await,
        json!({"status": "DISABLED", "disabled_reason": "FAILED"})
    );
    let line = world.cloud.logs("deliver-webhooks");
    let line = line
        .wait_for("a webhook was disabled", PATIENCE)
        .await
        .unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["level"], &line["webhook"], &line["reason"]),
        (&json!("ERROR"), &json!(hook.id), &json!("FAILED"))
    );
    let subject = format!("webhooks/{}", hook.id);
    assert_eq!(
        types_of(world, &subject).await,
        ["webhook.created.v1", "webhook.disabled.v1"]
    );
    let event = "select data from business_events where subject = $1 and sequence = 2";
    assert_eq!(
        world.row(event, &[&subject]).await["data"],
        json!({
            "webhook_id": hook.id, "status": "DISABLED", "former_status": "ACTIVE", "disabled_reason": "FAILED",
            "version": 2, "changed": ["disabled_reason", "status"]
        })
    );
    make_due(world).await;
    assert_eq!(deliver(world).await, json!({"steps": []}));
    assert_eq!(receiver.deliveries().len(), 3);

    // When it is enabled, it goes on where it was
    clinic.book(9..10).await;
    set_status(admin, hook, receiver, "ACTIVE")
        .await
        .expect(200);
    deliver(world).await;
    let booked = events_after(world, hook, "appointment.booked%").await;
    let got: Vec<_> = receiver.deliveries()[3..]
        .iter()
        .filter(|it| it.event()["type"] == "caretrail.appointment.booked.v1")
        .map(tests::receiver::Delivery::id)
        .collect();
    assert_eq!(got, booked);
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_webhook_at_once() {
    let clinic = clinic().await;
    clinic.book(7..9).await;
    clinic.receiver.answer([Answering::Status(410)]);
    deliver(&clinic.world).await;
    let status = "select status, disabled_reason from webhooks";
    assert_eq!(
        clinic.world.row(status, &[]).await,
        json!({"status": "DISABLED", "disabled_reason": "GONE"})
    );
    let lines = clinic.world.cloud.logs("deliver-webhooks");
    lines
        .wait_for("a webhook was disabled", PATIENCE)
        .await
        .unwrap();
    assert_eq!(clinic.receiver.deliveries().len(), 1);
}

#[tokio::test]
async fn a_webhook_that_missed_deleted_events_goes_on_with_the_oldest_that_is_kept_and_its_log_says_so()
 {
    // Given a disabled webhook and two events that are deleted meanwhile
    let clinic = clinic().await;
    let Clinic {
        world,
        admin,
        receiver,
        hook,
        ..
    } = &clinic;
    set_status(admin, hook, receiver, "DISABLED")
        .await
        .expect(200);
    clinic.book(7..9).await;
    super::webhooks::all_events_are_visible(world).await;
    super::age(world, "business_events").await;
    super::drop_aged(world).await;

    // When it is enabled
    set_status(admin, hook, receiver, "ACTIVE")
        .await
        .expect(200);
    let kept = book(world, &clinic.ada, &clinic.vera, 9).await;
    deliver(world).await;

    // Then it gets what is kept, and the log says that something is missing
    let events: Vec<Value> = receiver.deliveries().iter().map(|it| it.event()).collect();
    assert!(events.iter().any(|event| event["subject"] == *kept));
    let log = attempts(admin, hook).await;
    assert_eq!(log[0]["outcome"], "EXPIRED");
    for field in [
        "event_id",
        "event_type",
        "subject",
        "sequence",
        "attempt",
        "http_status",
        "duration_ms",
    ] {
        assert_eq!(log[0][field], Value::Null, "{field}");
    }
    assert!(
        log[1..]
            .iter()
            .all(|attempt| attempt["outcome"] == "ACCEPTED")
    );
}

#[tokio::test]
async fn the_delivery_log_is_kept_as_long_as_the_events() {
    let clinic = clinic().await;
    let Clinic {
        world, admin, hook, ..
    } = &clinic;
    clinic.book(7..8).await;
    deliver(world).await;
    super::age(world, "webhook_deliveries").await;
    assert_eq!(attempts(admin, hook).await.len(), 1);
    super::drop_aged(world).await;
    assert!(attempts(admin, hook).await.is_empty());
    // The events are still there.
    let hour = json!({"since": Timestamp::now() - TimeDelta::hours(1)});
    admin
        .post(&format!("{}/replay", hook.path()), hour)
        .await
        .expect(200);
    deliver(world).await;
    assert_eq!(attempts(admin, hook).await.len(), 1);
}
