//! `POST /v1/incidents`, and what else opens an incident.

use tests::audit::Expected;
use tests::prelude::*;

use super::{INCIDENTS, clinic_day, granted, raise, read};

fn row() -> Expected {
    audit("open-incident", "CREATE", "INCIDENT")
}

/// The patients of an incident with their accesses.
async fn patients(world: &World, id: Uuid) -> Vec<Value> {
    let patients = "select p.patient_id, count(a.audit_id) as accesses from incident_patients p
                    left join incident_accesses a using (incident_id, patient_id)
                    where p.incident_id = $1 group by p.patient_id order by p.patient_id";
    world.rows(patients, &[&id]).await
}

#[tokio::test]
async fn an_incident_from_an_alert_has_its_person_its_day_and_the_patients_of_its_evidence() {
    let world = World::new().await;
    let (ada, ben, cleo) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.patient("Cleo").await,
    );
    let (clerk, officer) = (
        world.user("FRONT_DESK", "Fred").await,
        world.officer().await,
    );
    let mut evidence = Vec::new();
    for patient in [&ada, &ada, &ben] {
        evidence.push(read(&world, &clerk, patient).await);
    }
    // The alert names a patient, too, and another row names nobody.
    evidence.push(Uuid::now_v7());
    let alert = raise(&world, Some(clerk.user), Some(cleo.id), &evidence).await;
    let alert = alert.unwrap();
    let days_ago = "update alerts set first_at = first_at - interval '3 days' where id = $1";
    world.sql(days_ago, &[&alert]).await;

    let new = json!({"alert_id": alert, "summary": "A clerk read two charts."});
    let opened = officer.post(INCIDENTS, new.clone()).await.expect(201);
    let id = opened.id();
    for (field, value) in [
        ("alert_id", json!(alert)),
        ("emergency_access_id", Value::Null),
        ("actor_id", json!(clerk.user)),
        ("status", json!("OPEN")),
        ("discovered_on", json!(clinic_day(&world, -3).await)),
        ("patients_due_on", json!(clinic_day(&world, 57).await)),
        ("affected_count", json!(3)),
        ("notified_count", json!(0)),
        ("opened_by", json!(officer.user)),
        ("is_overdue", json!(false)),
        ("decision", Value::Null),
    ] {
        assert_eq!(opened.body[field], value, "{field}");
    }
    assert_eq!(opened.header("etag"), "\"1\"");
    let expected = row().by(&officer).resource(id);
    world
        .audited(&opened, expected.detail("alert_id", json!(alert)))
        .await;
    let mut expected = [(ada.id, 2), (ben.id, 1), (cleo.id, 0)];
    expected.sort_unstable();
    let expected = expected.map(|(id, accesses)| json!({"patient_id": id, "accesses": accesses}));
    assert_eq!(patients(&world, id).await, expected);
    let events = "select type, data from business_events where subject = 'incidents/' || $1::text";
    let events = world.rows(events, &[&id.to_string()]).await;
    let data = json!({"incident_id": id, "status": "OPEN", "version": 1});
    assert_eq!(
        events,
        [json!({"type": "incident.opened.v1", "data": data})]
    );
    world.every_event_fits().await;

    // An alert has one incident.
    let failed = row().by(&officer).attempted().failed("conflict");
    let again = officer.post(INCIDENTS, new);
    let failed = failed.detail("alert_id", json!(alert));
    world.refused(again, 409, failed).await;
}

#[tokio::test]
async fn an_officer_opens_an_incident_on_their_own() {
    let world = World::new().await;
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    let summary = "A letter went to another address.";
    let opened = officer.post(INCIDENTS, json!({"summary": summary})).await;
    let opened = opened.expect(201);
    let today = clinic_day(&world, 0).await;
    assert_eq!(opened.body["discovered_on"], json!(today));
    assert_eq!(opened.body["summary"], summary);
    assert_eq!(opened.body["affected_count"], 0);
    let expected = row().by(&officer).resource(opened.id());
    world.audited(&opened, expected).await;

    let before = clinic_day(&world, -10).await;
    let new = json!({"summary": summary, "actor_id": vera.user, "discovered_on": before});
    let opened = officer.post(INCIDENTS, new).await.expect(201);
    assert_eq!(opened.body["discovered_on"], json!(before));
    assert_eq!(opened.body["actor_id"], json!(vera.user));
    // The calendar is the clinic's, where tomorrow may have begun or not.
    let zone = "select name from pg_timezone_names
                where (now() at time zone name)::date > (now() at time zone 'UTC')::date and name like 'Pacific/%' limit 1";
    if let [ahead] = &world.rows(zone, &[]).await[..] {
        let zone = ahead["name"].as_str().unwrap();
        migrations::set_time_zone(&world.superuser_url(), None, zone)
            .await
            .unwrap();
        let opened = officer.post(INCIDENTS, json!({"summary": summary})).await;
        assert_ne!(opened.expect(201).body["discovered_on"], json!(today));
    }
}

#[tokio::test]
async fn what_does_not_exist_or_lies_in_the_future_is_refused_and_so_are_other_roles() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let tomorrow = clinic_day(&world, 1).await;
    for (field, body) in [
        ("alert_id", json!({"alert_id": Uuid::now_v7()})),
        ("actor_id", json!({"actor_id": Uuid::now_v7()})),
        ("discovered_on", json!({"discovered_on": tomorrow})),
        ("discovered_on", json!({"discovered_on": "today"})),
        ("summary", json!({"summary": ""})),
        ("status", json!({"status": "CLOSED"})),
    ] {
        let body = super::merged(json!({"summary": "A chart was read."}), body);
        officer.post(INCIDENTS, body).await.invalid(field);
    }
    officer.post(INCIDENTS, json!({})).await.invalid("summary");
    let denied = row().by(&admin).attempted().denied("forbidden");
    let new = json!({"summary": "A chart was read."});
    world.refused(admin.post(INCIDENTS, new), 403, denied).await;
    let none = world.rows("select id from incidents", &[]).await;
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test]
async fn nobody_opens_an_incident_about_their_own_access() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let own = world.alert(officer.user, Some(ada.id)).await;
    // The alert is about several persons, and the officer is one of them.
    let mine = officer.get("/v1/incidents").await.expect(200);
    let mine = world.audit_of(&mine).await.remove(0).entry.id;
    let shared = raise(&world, None, Some(ada.id), &[mine.into()]).await;
    let named = format!("/v1/incidents?patient_id={}", ada.id);
    let named = officer.get(&named).await.expect(200);
    let named: Uuid = world.audit_of(&named).await.remove(0).entry.id.into();
    let several = world
        .sql(
            "select raise_alert('sought-patient', null, $1, null, array[$2]::uuid[])",
            &[&ada.id, &named],
        )
        .await[0]
        .get::<_, Uuid>(0);
    for (alert, status) in [(own, 403), (several, 403), (shared.unwrap(), 201)] {
        let new = json!({"alert_id": alert, "summary": "A chart was read."});
        let answer = officer.post(INCIDENTS, new).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let new = json!({"actor_id": officer.user, "summary": "A chart was read."});
    let denied = row().by(&officer).attempted().denied("forbidden");
    world
        .refused(officer.post(INCIDENTS, new), 403, denied)
        .await;
    // Somebody else does.
    let new = json!({"alert_id": own, "summary": "A chart was read."});
    world.officer().await.post(INCIDENTS, new).await.expect(201);
}

#[tokio::test]
async fn a_review_that_finds_an_incident_opens_it_with_what_the_clinician_read() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let access = granted(&vera, &kim).await;
    read(&world, &vera, &kim).await;
    let path = format!("/v1/emergency-access/{access}");
    vera.post_nothing(&format!("{path}/revoke"))
        .await
        .expect(200);
    let found = json!({"review": "INCIDENT_OPENED", "note": "Vera is a neighbour."});
    let review = officer.post(&format!("{path}/review"), found).await;
    review.expect(200);
    let incident = world.row("select * from incidents", &[]).await;
    for (field, value) in [
        ("emergency_access_id", json!(access)),
        ("actor_id", json!(vera.user)),
        ("summary", json!("Vera is a neighbour.")),
        ("opened_by", json!(officer.user)),
        ("discovered_on", json!(clinic_day(&world, 0).await)),
        ("status", json!("OPEN")),
    ] {
        assert_eq!(incident[field], value, "{field}");
    }
    // The alert that the grant raised belongs to it.
    let alert = "select id from alerts where rule = 'emergency-access'";
    let alert = world.row(alert, &[]).await["id"].clone();
    assert_eq!(incident["alert_id"], alert);
    let accesses = "select patient_id, resource_type, count(*) from incident_accesses
                    where user_id = $1 and resource_type = 'PATIENT' group by patient_id, resource_type";
    let accesses = world.rows(accesses, &[&vera.user]).await;
    let expected = json!({"patient_id": kim.id, "resource_type": "PATIENT", "count": 1});
    assert_eq!(accesses, [expected]);
}

#[tokio::test]
async fn an_approved_emergency_access_opens_no_incident() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let id = world.emergency(kim.id, vera.user, "5 hours").await;
    let path = format!("/v1/emergency-access/{id}/review");
    let review = world
        .officer()
        .await
        .post(&path, json!({"review": "APPROVED"}))
        .await;
    review.expect(200);
    let none = world.rows("select id from incidents", &[]).await;
    assert!(none.is_empty(), "{none:?}");
}
