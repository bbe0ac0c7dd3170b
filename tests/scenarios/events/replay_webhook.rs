//! `POST /v1/webhooks/{id}/replay`

use domain::time::{TimeDelta, Timestamp};
use tests::audit::Expected;
use tests::prelude::*;
use tests::receiver::{Answering, Receiver};

use super::webhooks::{attempts, book, deliver, hook, path, progress, set_status};

fn row() -> Expected {
    audit("replay-webhook", "UPDATE", "WEBHOOK")
}

#[tokio::test]
async fn delivery_starts_anew_from_the_first_event_since_a_time_also_one_before_the_webhook() {
    // Given three events, and a webhook that was created after the first and got the others
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let types: &[&str] = &["caretrail.appointment.booked.v1"];
    let mut subjects = vec![book(&world, &ada, &vera, 7).await];
    let hook = hook(&admin, &receiver, Some(types)).await;
    for day in [8, 9] {
        subjects.push(book(&world, &ada, &vera, day).await);
    }
    deliver(&world).await;
    let got = |from: usize| -> Vec<Value> {
        let deliveries = receiver.deliveries();
        deliveries[from..]
            .iter()
            .map(|it| it.event()["subject"].clone())
            .collect()
    };
    assert_eq!(got(0), subjects[1..]);

    // When it is replayed from the last one
    let time = "select to_char(time, 'YYYY-MM-DD\"T\"HH24:MI:SS.USOF:00') as time from business_events where subject = $1";
    let since = world.row(time, &[&subjects[2]]).await["time"].clone();
    let replay = format!("{}/replay", hook.path());
    let answer = admin
        .post(&replay, json!({"since": since}))
        .await
        .expect(200);
    assert_eq!(answer.body["version"], 1);
    deliver(&world).await;
    // Then it gets this one again, with the same id
    assert_eq!(got(2), subjects[2..]);
    assert_eq!(receiver.ids()[1], receiver.ids()[2]);

    // When it is replayed from the first one
    let since = world.row(time, &[&subjects[0]]).await["time"].clone();
    admin
        .post(&replay, json!({"since": since}))
        .await
        .expect(200);
    deliver(&world).await;
    // Then it gets all of them
    assert_eq!(got(3), subjects);
    let outcomes = attempts(&admin, &hook).await;
    assert!(
        outcomes
            .iter()
            .all(|attempt| attempt["outcome"] == "ACCEPTED")
    );
}

#[tokio::test]
async fn a_replay_ends_a_pause_and_waits_for_a_disabled_webhook() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let hook = hook(&admin, &receiver, None).await;
    world.patient("Ada").await;
    receiver.answer([Answering::Status(500)]);
    deliver(&world).await;
    assert_eq!(receiver.deliveries().len(), 1);
    let body = json!({"since": Timestamp::now() - TimeDelta::hours(1)});
    let replay = format!("{}/replay", hook.path());
    let answer = admin.post(&replay, body.clone()).await.expect(200);
    assert_eq!(answer.body["failing_since"], Value::Null);
    world
        .audited(
            &answer,
            row()
                .by(&admin)
                .resource(hook.id)
                .detail("since", body["since"].clone()),
        )
        .await;
    set_status(&admin, &hook, &receiver, "DISABLED")
        .await
        .expect(200);
    deliver(&world).await;
    assert_eq!(receiver.deliveries().len(), 1);
    set_status(&admin, &hook, &receiver, "ACTIVE")
        .await
        .expect(200);
    deliver(&world).await;
    // The webhook's own creation is among the events since then.
    let all = world.rows("select id from business_events", &[]).await;
    assert_eq!(receiver.deliveries().len(), 1 + all.len());
    assert_eq!(progress(&world, &hook).await["replay_since"], Value::Null);
}

#[tokio::test]
async fn times_beyond_thirty_days_absent_webhooks_and_other_roles_are_refused() {
    let world = World::new().await;
    let (admin, receiver) = (world.admin().await, Receiver::new().await);
    let officer = world.officer().await;
    let hook = hook(&admin, &receiver, None).await;
    let replay = format!("{}/replay", hook.path());
    let before = progress(&world, &hook).await;
    for since in [
        Timestamp::now() - TimeDelta::days(31),
        Timestamp::now() + TimeDelta::hours(1),
    ] {
        let answer = admin
            .post(&replay, json!({ "since": since }))
            .await
            .invalid("since");
        let failed = row()
            .by(&admin)
            .resource(hook.id)
            .detail("since", since.to_string());
        world.audited(&answer, failed.failed("invalid")).await;
    }
    let body = json!({"since": Timestamp::now() - TimeDelta::hours(1)});
    let absent = format!("{}/replay", path(Uuid::now_v7()));
    admin
        .post(&absent, body.clone())
        .await
        .problem(404, "not-found");
    let denied = row().by(&officer).resource(hook.id);
    let denied = denied.detail("since", body["since"].clone());
    let denied = denied.denied("forbidden");
    world
        .refused(officer.post(&replay, body), 403, denied)
        .await;
    assert_eq!(progress(&world, &hook).await, before);
}
