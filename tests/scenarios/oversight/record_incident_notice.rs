//! `POST /v1/incidents/{id}/notices`

use tests::audit::Expected;
use tests::prelude::*;

use super::{clinic_day, incident_path};

fn row(id: Uuid) -> Expected {
    audit("record-incident-notice", "UPDATE", "INCIDENT").resource(id)
}

async fn record(caller: &Actor, id: Uuid, notice: Value) -> Answer {
    let path = format!("{}/notices", incident_path(id));
    caller.post(&path, notice).await
}

async fn mailed(world: &World, patient: Option<Uuid>) -> Value {
    let today = clinic_day(world, 0).await;
    json!({"recipient": "PATIENT", "patient_id": patient, "means": "FIRST_CLASS_MAIL", "sent_on": today})
}

async fn reported(world: &World) -> Value {
    let today = clinic_day(world, 0).await;
    json!({"recipient": "HHS", "means": "WEB_PORTAL", "sent_on": today, "note": "Form 7"})
}

#[tokio::test]
async fn the_last_notice_closes_the_incident() {
    let world = World::new().await;
    let (ada, ben, cleo) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.patient("Cleo").await,
    );
    let officer = world.officer().await;
    let id = world.breach(&[ada.id, ben.id, cleo.id]).await;
    let first = record(&officer, id, mailed(&world, Some(ada.id)).await).await;
    let first = first.expect(200);
    assert_eq!(first.body["notified_count"], 1);
    assert_eq!(first.body["status"], "NOTIFYING");
    let expected = row(id)
        .by(&officer)
        .detail("recipient", "PATIENT")
        .detail("means", "FIRST_CLASS_MAIL")
        .detail("patient_id", json!(ada.id));
    world.audited(&first, expected).await;
    let hhs = record(&officer, id, reported(&world).await)
        .await
        .expect(200);
    assert_eq!(
        hhs.body["hhs_notified_on"],
        json!(clinic_day(&world, 0).await)
    );
    assert_eq!(hhs.body["status"], "NOTIFYING");
    // All others at once
    let rest = record(&officer, id, mailed(&world, None).await).await;
    let rest = rest.expect(200);
    for (field, value) in [
        ("status", json!("CLOSED")),
        ("notified_count", json!(3)),
        ("closed_by", json!(officer.user)),
        ("next_due_on", Value::Null),
    ] {
        assert_eq!(rest.body[field], value, "{field}");
    }
    let stored = "select recipient, means, recorded_by, count(distinct patient_id) as patients, count(*) as notices
                  from incident_notices group by recipient, means, recorded_by order by recipient";
    let stored = world.rows(stored, &[]).await;
    let ledger = |recipient, means, patients, notices| {
        json!({
            "recipient": recipient, "means": means, "recorded_by": officer.user, "patients": patients, "notices": notices
        })
    };
    assert_eq!(
        stored,
        [
            ledger("PATIENT", "FIRST_CLASS_MAIL", 3, 3),
            ledger("HHS", "WEB_PORTAL", 0, 1)
        ]
    );
    let late = record(&officer, id, reported(&world).await).await;
    late.problem(409, "conflict");
}

#[tokio::test]
async fn a_call_in_an_urgent_case_comes_in_addition_and_a_substitute_counts() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = world.breach(&[ada.id]).await;
    let mut notice = mailed(&world, Some(ada.id)).await;
    notice["means"] = "URGENT_CALL".into();
    let called = record(&officer, id, notice.clone()).await.expect(200);
    assert_eq!(called.body["notified_count"], 0);
    notice["means"] = "SUBSTITUTE".into();
    record(&officer, id, notice.clone()).await.invalid("note");
    notice["note"] = "The address is unknown. The patient was told by telephone.".into();
    let substituted = record(&officer, id, notice).await.expect(200);
    assert_eq!(substituted.body["notified_count"], 1);
    // Everybody is notified now.
    let none = record(&officer, id, mailed(&world, None).await).await;
    none.problem(409, "conflict");
}

#[tokio::test]
async fn a_notice_needs_the_decision_and_its_day_and_waits_for_law_enforcement() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let officer = world.officer().await;
    let open = world.incident(&[ada.id]).await;
    let failed = row(open)
        .by(&officer)
        .detail("recipient", "PATIENT")
        .detail("means", "FIRST_CLASS_MAIL")
        .detail("patient_id", json!(ada.id))
        .failed("conflict");
    let early = mailed(&world, Some(ada.id)).await;
    world
        .refused(record(&officer, open, early), 409, failed)
        .await;

    let id = world.breach(&[ada.id, ben.id]).await;
    for days in [-1, 1] {
        let mut notice = mailed(&world, Some(ada.id)).await;
        notice["sent_on"] = clinic_day(&world, days).await.into();
        record(&officer, id, notice).await.invalid("sent_on");
    }
    // Ben isn't affected after all, and others never were.
    let exclude = "update incident_patients set is_excluded = true, reason = 'A visit'
                   where incident_id = $1 and patient_id = $2";
    world.sql(exclude, &[&id, &ben.id]).await;
    for patient in [ben.id, Uuid::now_v7()] {
        let notice = mailed(&world, Some(patient)).await;
        record(&officer, id, notice).await.problem(409, "conflict");
    }
    let delay = "update incidents set delay_statement = 'WRITTEN', delay_stated_on = clinic_day(now()),
                   delay_official = 'Agent Sample', delayed_until = clinic_day(now()) + 9 where id = $1";
    world.sql(delay, &[&id]).await;
    for notice in [mailed(&world, None).await, reported(&world).await] {
        record(&officer, id, notice).await.problem(409, "conflict");
    }
    let withdraw =
        "update incidents set delayed_until = null, delay_statement = null, delay_stated_on = null,
                      delay_official = null where id = $1";
    world.sql(withdraw, &[&id]).await;
    record(&officer, id, mailed(&world, None).await)
        .await
        .expect(200);
}

#[tokio::test]
async fn each_recipient_has_its_means() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = world.breach(&[ada.id]).await;
    let today = clinic_day(&world, 0).await;
    for (field, notice) in [
        ("means", json!({"recipient": "HHS", "means": "EMAIL"})),
        (
            "means",
            json!({"recipient": "PATIENT", "means": "WEB_PORTAL"}),
        ),
        (
            "means",
            json!({"recipient": "MEDIA", "jurisdiction": "OH", "means": "EMAIL"}),
        ),
        (
            "jurisdiction",
            json!({"recipient": "MEDIA", "means": "PRESS_RELEASE"}),
        ),
        (
            "jurisdiction",
            json!({"recipient": "HHS", "jurisdiction": "OH", "means": "WEB_PORTAL"}),
        ),
        (
            "patient_id",
            json!({"recipient": "HHS", "patient_id": ada.id, "means": "WEB_PORTAL"}),
        ),
        ("means", json!({"recipient": "PATIENT", "means": "PIGEON"})),
    ] {
        let notice = super::merged(notice, json!({"sent_on": today}));
        record(&officer, id, notice).await.invalid(field);
    }
    let none = world.rows("select id from incident_notices", &[]).await;
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test]
async fn nobody_notifies_about_their_own_access_and_other_roles_do_not_either() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let officer = world.officer().await;
    let id = world.breach(&[ada.id]).await;
    let about = "update incidents set actor_id = $2 where id = $1";
    world.sql(about, &[&id, &officer.user]).await;
    let own = record(&officer, id, reported(&world).await).await;
    own.problem(403, "forbidden");
    let denied = row(id)
        .by(&admin)
        .detail("recipient", "HHS")
        .detail("means", "WEB_PORTAL")
        .denied("forbidden");
    let refused = record(&admin, id, reported(&world).await);
    world.refused(refused, 403, denied).await;
    let absent = record(&officer, Uuid::now_v7(), reported(&world).await).await;
    absent.problem(404, "not-found");
}
