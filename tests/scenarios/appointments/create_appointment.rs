//! `POST /v1/appointments`

use domain::time::{TimeDelta, Timestamp};
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("create-appointment", "CREATE", "APPOINTMENT")
}

fn visit(patient: Uuid, provider: Uuid, scheduled_at: &str) -> Value {
    json!({
        "patient_id": patient,
        "provider_id": provider,
        "scheduled_at": scheduled_at,
        "duration_minutes": 30
    })
}

#[tokio::test]
async fn a_patient_books_a_free_slot_for_themselves() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let mut body = visit(ada.id, vera.id, "2030-01-07T10:00:00+01:00");
    body["location"] = json!({
        "kind": "IN_PERSON",
        "name": "Room 3",
        "address": {"line": ["2 Example Street"], "city": "Springfield"}
    });
    body["notes"] = json!("First visit");
    let answer = ada.post("/v1/appointments", body.clone()).await.expect(201);
    let id = answer.id();
    assert_eq!(answer.header("location"), format!("/v1/appointments/{id}"));
    assert_eq!(answer.body["status"], "SCHEDULED");
    assert_eq!(answer.body["scheduled_at"], "2030-01-07T09:00:00Z");
    assert_eq!(answer.body["version"], 1);
    for field in ["patient_id", "provider_id", "location", "notes"] {
        assert_eq!(answer.body[field], body[field], "{field}");
    }
    let stored = world
        .row(
            "select *, lower(slot) as begins, upper(slot) as ends from appointments where id = $1",
            &[&id],
        )
        .await;
    assert_eq!(stored["begins"], "2030-01-07T09:00:00+00:00");
    assert_eq!(stored["ends"], "2030-01-07T09:30:00+00:00");
    assert_eq!(stored["location"], body["location"]);
    let booked = row().by(&ada).resource(id).patient(ada.id);
    let booked = booked.giving_care(vera.user, "VISIT", Some("2032-01-07T09:30:00Z"));
    world.audited(&answer, booked).await;
}

#[tokio::test]
async fn a_provider_books_and_records_visits_of_patients_in_their_care() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    for (scheduled_at, is_to_come) in [
        ("2030-01-07T09:00:00Z", true),
        ("2020-01-07T09:00:00Z", false),
    ] {
        let answer = vera
            .post("/v1/appointments", visit(ada.id, vera.id, scheduled_at))
            .await
            .expect(201);
        assert_eq!(answer.body["scheduled_at"], scheduled_at);
        let mut booked = row().by(&vera).resource(answer.id()).patient(ada.id);
        if is_to_come {
            booked = booked.giving_care(vera.user, "VISIT", Some("2032-01-07T09:30:00Z"));
        }
        world.audited(&answer, booked).await;
    }
}

#[tokio::test]
async fn an_administrator_books_for_any_patient() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let answer = admin
        .post(
            "/v1/appointments",
            visit(ada.id, vera.id, "2030-01-07T09:00:00Z"),
        )
        .await
        .expect(201);
    let booked = row().by(&admin).resource(answer.id()).patient(ada.id);
    let booked = booked.giving_care(vera.user, "VISIT", Some("2032-01-07T09:30:00Z"));
    world.audited(&answer, booked).await;
}

#[tokio::test]
async fn booking_for_a_patient_out_of_reach_gets_404() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    for caller in [&*ben, &*vera] {
        let body = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
        let denied = row().by(caller).attempted().patient(ada.id);
        let denied = denied.denied("not-found");
        let refused = world
            .refused(caller.post("/v1/appointments", body), 404, denied)
            .await;

        let body = visit(Uuid::now_v7(), vera.id, "2030-01-07T09:00:00Z");
        let failed = row().by(caller).attempted().failed("not-found");
        let absent = world
            .refused(caller.post("/v1/appointments", body), 404, failed)
            .await;
        refused.same_as(&absent);
    }
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let body = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
    let denied = row().by(&officer).attempted().patient(ada.id);
    let denied = denied.denied("forbidden");
    world
        .refused(officer.post("/v1/appointments", body), 403, denied)
        .await;
}

#[tokio::test]
async fn a_slot_that_overlaps_another_of_provider_or_patient_is_a_conflict() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    world
        .visit(&ada, &vera, "2030-01-07T11:00Z", "CANCELLED")
        .await;
    for (caller, provider, scheduled_at) in [
        // The first overlaps with a visit of the provider, the second with a visit of the patient.
        (&ben, &vera, "2030-01-07T09:29:00Z"),
        (&ada, &walt, "2030-01-07T08:31:00Z"),
    ] {
        let body = visit(caller.id, provider.id, scheduled_at);
        let failed = row().by(caller).attempted().patient(caller.id);
        let failed = failed.failed("conflict");
        world
            .refused(caller.post("/v1/appointments", body), 409, failed)
            .await;
    }
    // A slot directly after a visit is free, and so is that of a cancelled visit.
    for scheduled_at in ["2030-01-07T09:30:00Z", "2030-01-07T11:00:00Z"] {
        ben.post("/v1/appointments", visit(ben.id, vera.id, scheduled_at))
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn of_many_concurrent_bookings_of_one_slot_one_succeeds() {
    let world = World::with(Setup {
        instances: 4,
        ..Setup::default()
    })
    .await;
    let vera = world.provider("Vera").await;
    let mut bookings = tokio::task::JoinSet::new();
    for n in 0..16 {
        let patient = world.patient(&format!("Patient{n}")).await;
        let body = visit(patient.id, vera.id, "2030-01-07T09:00:00Z");
        bookings.spawn(async move { patient.post("/v1/appointments", body).await });
    }
    let mut statuses: Vec<u16> = bookings
        .join_all()
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert_eq!(statuses[1..], [409; 15]);
    assert_eq!(
        world.rows("select id from appointments", &[]).await.len(),
        1
    );
    assert_eq!(world.verify_chains().await, 16);
}

#[tokio::test]
async fn a_taken_external_id_is_refused() {
    let world = World::new().await;
    let system = "https://hospital.example/visits";
    let importer = world.importer(system).await;
    let ada = world.patient_from(Some(system), "Ada").await;
    let vera = world.provider_from(Some(system), "Vera").await;
    let mut first = visit(ada.id, vera.id, "2020-01-07T09:00:00Z");
    first["source_system"] = json!(system);
    importer
        .post("/v1/appointments", first.clone())
        .await
        .invalid("external_id");
    first["external_id"] = json!("visit-1");
    let made = importer
        .post("/v1/appointments", first.clone())
        .await
        .expect(201);
    for field in ["source_system", "external_id"] {
        assert_eq!(made.body[field], first[field]);
    }
    let mut again = first;
    again["scheduled_at"] = json!("2020-02-07T09:00:00Z");
    // An importer writes for their own source system only.
    let mut other = again.clone();
    other["source_system"] = json!("https://clinic.example/visits");
    let attempt = || {
        row()
            .by(&importer)
            .attempted()
            .patient(ada.id)
            .detail("source_system", system)
    };
    let denied = attempt().denied("not-found");
    world
        .refused(importer.post("/v1/appointments", other), 404, denied)
        .await;
    let failed = attempt().failed("already-exists");
    world
        .refused(importer.post("/v1/appointments", again), 409, failed)
        .await;
}

#[tokio::test]
async fn a_patient_can_neither_learn_nor_take_an_external_id() {
    let world = World::new().await;
    let system = "https://hospital.example/visits";
    let importer = world.importer(system).await;
    let ada = world.patient("Ada").await;
    let ben = world.patient_from(Some(system), "Ben").await;
    let vera = world.provider_from(Some(system), "Vera").await;
    let imported = |mut body: Value| {
        body["source_system"] = json!(system);
        body["external_id"] = json!("visit-1");
        body
    };
    let theirs = imported(visit(ben.id, vera.id, "2020-01-07T09:00:00Z"));
    let own = imported(visit(ada.id, vera.id, "2030-01-07T09:00:00Z"));
    let denied = || {
        row()
            .by(&ada)
            .attempted()
            .patient(ada.id)
            .denied("forbidden")
    };
    // The answer is the same whether the identifier exists or not.
    world
        .refused(ada.post("/v1/appointments", own.clone()), 403, denied())
        .await;
    importer.post("/v1/appointments", theirs).await.expect(201);
    world
        .refused(ada.post("/v1/appointments", own), 403, denied())
        .await;

    let stored = world.rows("select patient_id from appointments", &[]).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["patient_id"], json!(ben.id));
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for (field, value) in [
        // A patient can only book in the future.
        ("scheduled_at", json!("2020-01-07T09:00:00Z")),
        ("scheduled_at", json!("2030-01-07T09:00:00")),
        ("scheduled_at", json!("tomorrow")),
        // RFC 3339 has no year before 0.
        ("scheduled_at", json!("-004800-01-01T00:00:00Z")),
        ("duration_minutes", json!(-30)),
        ("duration_minutes", json!(i32::MIN)),
        ("duration_minutes", json!(i32::MAX)),
        ("duration_minutes", json!(0)),
        ("duration_minutes", json!(1441)),
        ("duration_minutes", json!(0.5)),
        ("provider_id", json!(Uuid::now_v7())),
        ("provider_id", json!("vera")),
        ("notes", json!("x".repeat(10_001))),
        ("external_id", json!("x".repeat(256))),
        ("location", json!("here")),
        (
            "location.url",
            json!({"kind": "VIDEO", "url": "javascript:alert(1)"}),
        ),
        (
            "location.url",
            json!({"kind": "VIDEO", "url": "http://video.example.org/1"}),
        ),
    ] {
        let mut body = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
        let top = field.split('.').next().unwrap();
        body[top] = value;
        let expected = row().by(&ada).attempted().patient(ada.id).so_far();
        world
            .invalid(ada.post("/v1/appointments", body), field, expected)
            .await;
    }
}

#[tokio::test]
async fn no_visit_is_booked_before_the_providers_licence_is_verified() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    world.assign(&ada, &vera).await;
    world
        .sql("update providers set is_verified = false", &[])
        .await;
    for caller in [&*ada, &admin] {
        let body = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
        let failed = row().by(caller).attempted().patient(ada.id);
        let failed = failed.failed("conflict");
        world
            .refused(caller.post("/v1/appointments", body), 409, failed)
            .await;
    }
    // Until then the provider has no patients in care.
    let body = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
    let denied = row().by(&vera).attempted().patient(ada.id);
    let denied = denied.denied("not-found");
    world
        .refused(vera.post("/v1/appointments", body), 404, denied)
        .await;
    // A past visit can still be recorded.
    let body = visit(ada.id, vera.id, "2020-01-08T09:00:00Z");
    admin.post("/v1/appointments", body).await.expect(201);
}

#[tokio::test]
async fn hours_bind_all_callers_except_those_who_manage_the_calendar() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (walt, admin) = (world.provider("Walt").await, world.admin().await);
    for provider in [&vera, &walt] {
        world.assign(&ada, provider).await;
    }
    // The first Monday of 2030 is the 7th.
    let hours = json!({
        "time_zone": "America/New_York",
        "weekly": [{"weekday": "MON", "from": "09:00:00", "to": "12:00:00"}],
        "horizon_days": 3650,
        "exceptions": [{"date": "2030-01-14"}, {"date": "2030-01-15", "from": "22:00:00", "to": "00:00:00"}]
    });
    for schedule in [Some(hours), None] {
        let set = "update providers set schedule = $1 where id = $2";
        world.sql(set, &[&schedule, &vera.id]).await;
        let open = if schedule.is_some() { 201 } else { 409 };
        for (scheduled_at, expected) in [
            ("2030-01-07T13:59:00Z", 409),
            ("2030-01-07T14:00:00Z", open),
            ("2030-01-07T16:30:00Z", open),
            ("2030-01-07T16:31:00Z", 409),
            ("2030-01-08T14:00:00Z", 409),
            ("2030-01-14T14:00:00Z", 409),
            ("2030-01-16T04:30:00Z", open),
            ("2030-01-16T04:31:00Z", 409),
        ] {
            for caller in [&*ada, &*walt] {
                let body = visit(ada.id, vera.id, scheduled_at);
                let answer = caller.post("/v1/appointments", body).await;
                assert_eq!(answer.status, expected, "{scheduled_at}: {}", answer.text);
                world
                    .sql("update appointments set status = 'CANCELLED'", &[])
                    .await;
            }
        }
        for caller in [&*vera, &admin] {
            // Without a schedule the booking horizon is 548 days.
            let at = match schedule {
                Some(_) => "2030-01-08T03:00:00Z".to_owned(),
                None => (Timestamp::now() + TimeDelta::days(547)).to_string(),
            };
            let body = visit(ada.id, vera.id, &at);
            caller.post("/v1/appointments", body).await.expect(201);
            world
                .sql("update appointments set status = 'CANCELLED'", &[])
                .await;
        }
    }
}

#[tokio::test]
async fn a_patient_books_with_the_providers_minimum_notice() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let soon = |minutes| (Timestamp::now() + TimeDelta::minutes(minutes)).to_string();
    // The default notice is one hour.
    ada.post("/v1/appointments", visit(ada.id, vera.id, &soon(50)))
        .await
        .problem(409, "conflict");
    ada.post("/v1/appointments", visit(ada.id, vera.id, &soon(70)))
        .await
        .expect(201);
    let lead = "update providers set schedule = schedule || '{\"lead_minutes\": 2880}'";
    world.sql(lead, &[]).await;
    ada.post("/v1/appointments", visit(ada.id, vera.id, &soon(2870)))
        .await
        .problem(409, "conflict");
    ada.post("/v1/appointments", visit(ada.id, vera.id, &soon(2890)))
        .await
        .expect(201);
    vera.post("/v1/appointments", visit(ada.id, vera.id, &soon(180)))
        .await
        .expect(201);
}

#[tokio::test]
async fn nobody_books_beyond_the_horizon_or_a_longer_visit_than_the_maximum() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (fred, admin) = (world.user("FRONT_DESK", "Fred").await, world.admin().await);
    world.assign(&ada, &vera).await;
    let around_the_clock = "update providers set schedule = schedule - 'horizon_days' || $1";
    let in_days = |days: i64, minutes: i64| {
        (Timestamp::now() + TimeDelta::days(days) + TimeDelta::minutes(minutes)).to_string()
    };
    for (schedule, days, longest) in [
        (json!({}), 548, 480),
        (json!({"horizon_days": 30, "max_minutes": 45}), 30, 45),
        (json!({"horizon_days": 900, "max_minutes": 1440}), 900, 1440),
    ] {
        world.sql(around_the_clock, &[&schedule]).await;
        for caller in [&*ada, &*vera, &fred, &admin] {
            let far = visit(ada.id, vera.id, &in_days(days, 2));
            let mut long = visit(ada.id, vera.id, &in_days(days, -120));
            long["duration_minutes"] = json!(longest + 1);
            for (body, words) in [(far, "horizon"), (long, "longer")] {
                // No visit of more than a day exists.
                if body["duration_minutes"] == 1441 {
                    continue;
                }
                let failed = row().by(caller).attempted().patient(ada.id);
                let failed = failed.failed("conflict");
                let answer = world
                    .refused(caller.post("/v1/appointments", body), 409, failed)
                    .await;
                assert!(answer.text.contains(words), "{}", answer.text);
            }
        }
        let mut allowed = visit(ada.id, vera.id, &in_days(days, -2));
        allowed["duration_minutes"] = json!(longest);
        let id = ada.post("/v1/appointments", allowed).await.expect(201).id();
        // A move is judged like a booking.
        let change = json!({"scheduled_at": in_days(days, 2), "reason": "Travelling"});
        let path = format!("/v1/appointments/{id}");
        vera.patch(&path, 1, change).await.problem(409, "conflict");
        let cancel = "update appointments set status = 'CANCELLED'";
        world.sql(cancel, &[]).await;
    }
    // A visit that took place is entered as it was.
    let mut past = visit(ada.id, vera.id, "2020-01-07T09:00:00Z");
    past["duration_minutes"] = json!(1440);
    vera.post("/v1/appointments", past).await.expect(201);
}

#[tokio::test]
async fn no_visit_is_booked_with_an_archived_provider() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql(
            "update providers set is_archived = true, archived_at = now()",
            &[],
        )
        .await;
    ada.post(
        "/v1/appointments",
        visit(ada.id, vera.id, "2030-01-07T09:00:00Z"),
    )
    .await
    .invalid("provider_id");
}

#[tokio::test]
async fn a_time_outside_the_stored_range_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    for (at, field) in [
        ("1849-12-31T23:59:59Z", "scheduled_at"),
        ("2200-01-01T00:00:00Z", "scheduled_at"),
        ("9999-12-30T22:00:00Z", "scheduled_at"),
        ("9999-12-31T23:59:59Z", "scheduled_at"),
        ("0000-01-01T00:00:00Z", "scheduled_at"),
    ] {
        let booking = visit(ada.id, vera.id, at);
        let expected = row().by(&admin).attempted().patient(ada.id);
        world
            .invalid(admin.post("/v1/appointments", booking), field, expected)
            .await;
    }
}

#[tokio::test]
async fn no_visit_is_booked_with_a_provider_who_can_not_sign_in() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let free = format!(
        "/v1/providers/{}/availability?from=2030-01-07T00:00:00Z&to=2030-01-08T00:00:00Z&duration_minutes=60",
        vera.id
    );
    for change in [
        "status = 'SUSPENDED'",
        "status = 'ACTIVE', is_archived = true, archived_at = now()",
    ] {
        let set = format!("update user_profiles set {change} where id = $1");
        world.sql(&set, &[&vera.user]).await;
        for caller in [&*ada, &admin] {
            let booking = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
            let answer = caller.post("/v1/appointments", booking).await;
            answer.invalid("provider_id");
        }
        assert_eq!(ada.get(&free).await.expect(200).body["slots"], json!([]));
    }
}

/// Runs the change in another transaction, which commits when the request waits for it or has
/// ended.
async fn meanwhile(world: &World, change: &str, request: impl Future<Output = Answer>) -> Answer {
    let other = world.connect().await;
    other.batch_execute("begin").await.unwrap();
    other.batch_execute(change).await.unwrap();
    let request = async {
        let answer = request.await;
        (answer, Timestamp::now())
    };
    let commit = async {
        eventually("the request waits", async || {
            let waiting = "select from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'";
            !world.sql(waiting, &[]).await.is_empty()
        })
        .await;
        let committed = Timestamp::now();
        other.batch_execute("commit").await.unwrap();
        committed
    };
    let ((answer, answered), committed) = tokio::join!(request, commit);
    assert!(answered > committed);
    answer
}

#[tokio::test]
async fn a_booking_waits_for_concurrent_changes_and_obeys_them() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for (change, status, slug) in [
        (
            "update providers set is_verified = false where id",
            409,
            "conflict",
        ),
        (
            "update providers set schedule = null where id",
            409,
            "conflict",
        ),
        (
            "update providers set is_archived = true, archived_at = now() where id",
            422,
            "invalid",
        ),
    ] {
        let vera = world.provider("Vera").await;
        let booking = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
        let change = format!("{change} = '{}'", vera.id);
        let answer = meanwhile(&world, &change, ada.post("/v1/appointments", booking)).await;
        answer.problem(status, slug);
    }
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let booking = visit(ada.id, vera.id, "2030-01-07T09:00:00Z");
    let change = "update patients set is_archived = true, archived_at = now()";
    let answer = meanwhile(&world, change, admin.post("/v1/appointments", booking)).await;
    answer.problem(409, "conflict");
    assert_eq!(
        world.rows("select id from appointments", &[]).await.len(),
        0
    );
}

#[tokio::test]
async fn a_date_that_postgresql_rejects_does_not_stop_bookings() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let path = format!("/v1/providers/{}", vera.id);
    // RFC 3339 has no year before 0.
    let exceptions = json!([{"date": "-000001-02-03"}]);
    vera.patch(&path, 1, json!({"schedule": {"exceptions": exceptions}}))
        .await
        .invalid("schedule.exceptions[0].date");
    // PostgreSQL has no year 0.
    let exceptions = json!([{"date": "0000-01-01"}, {"date": "2030-01-08"}]);
    vera.patch(&path, 1, json!({"schedule": {"exceptions": exceptions}}))
        .await
        .expect(200);
    ada.post(
        "/v1/appointments",
        visit(ada.id, vera.id, "2030-01-07T09:00:00Z"),
    )
    .await
    .expect(201);
    ada.post(
        "/v1/appointments",
        visit(ada.id, vera.id, "2030-01-08T09:00:00Z"),
    )
    .await
    .problem(409, "conflict");
}
