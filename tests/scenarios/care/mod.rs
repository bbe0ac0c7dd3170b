//! Care begins with an assignment, a visit or a grant, and ends with it. Nobody gives it to themselves.

mod model;

use http::Method;
use tests::database::PEOPLE;
use tests::prelude::*;

fn visit(patient: &Patient, provider: &Provider, scheduled_at: &str) -> Value {
    json!({
        "patient_id": patient.id, "provider_id": provider.id, "scheduled_at": scheduled_at,
        "duration_minutes": 30
    })
}

fn chart(patient: &Patient) -> String {
    format!("/v1/patients/{}", patient.id)
}

fn providers(patient: &Patient, provider: &Provider) -> String {
    format!("/v1/patients/{}/providers/{}", patient.id, provider.id)
}

/// Withdraws the verification of the provider's licence, or verifies it again.
async fn verify(admin: &Actor, provider: &Provider, is_verified: bool) {
    let path = format!("/v1/providers/{}", provider.id);
    let version = admin.get(&path).await.body["version"].as_i64().unwrap();
    let mut body = json!({ "is_verified": is_verified });
    if !is_verified {
        body["reason"] = json!("Expired");
    }
    let request = admin
        .request(Method::POST, &format!("{path}/verify"))
        .header("if-match", format!("\"{version}\""))
        .header("content-type", "application/json")
        .body(body.to_string().into());
    admin.send_request(request.unwrap()).await.expect(200);
}

/// Returns the relations of the provider that have not ended.
async fn relations(world: &World, member: &Actor) -> Vec<Value> {
    world
        .rows(
            "select basis, until, is_suspended, created_by from care_relations
             where member_id = $1 and until > now() order by basis, until",
            &[&member.user],
        )
        .await
}

#[tokio::test]
async fn a_visit_of_1999_gives_nobody_the_chart() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (walt, admin) = (world.provider("Walt").await, world.admin().await);
    world.assign(&ada, &vera).await;
    for (hour, caller, with) in [(9, &*vera, &walt), (10, &admin, &walt), (11, &*vera, &vera)] {
        let body = visit(&ada, with, &format!("1999-05-17T{hour:02}:00:00Z"));
        let answer = caller.post("/v1/appointments", body).await;
        answer.expect(201);
    }
    walt.get(&chart(&ada)).await.problem(404, "not-found");
    assert!(walt.get("/v1/patients").await.ids().is_empty());
    assert_eq!(relations(&world, &vera).await.len(), 1, "the assignment");
}

#[tokio::test]
async fn what_a_provider_writes_up_alone_about_the_past_is_no_basis() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    world.assign(&ada, &vera).await;
    let body = visit(&ada, &vera, &days_ago(3));
    let written_up = vera.post("/v1/appointments", body).await.expect(201);
    admin
        .send(Method::DELETE, &providers(&ada, &vera), None)
        .await
        .expect(200);
    vera.get(&chart(&ada)).await.problem(404, "not-found");
    // The visit itself stays the provider's own. Moving it gives them no care either.
    let path = format!("/v1/appointments/{}", written_up.id());
    vera.get(&path).await.expect(200);
    let patch = json!({"scheduled_at": "2030-01-07T09:00:00Z", "reason": "Again"});
    vera.patch(&path, 1, patch).await.expect(200);
    vera.get(&chart(&ada)).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_provider_can_not_book_a_patient_who_is_not_in_their_care() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let body = visit(&ada, &vera, "2030-01-07T09:00:00Z");
    vera.post("/v1/appointments", body.clone())
        .await
        .problem(404, "not-found");
    // A provider who manages the whole calendar can, and gets no care by it.
    world
        .redefine(
            "PROVIDER",
            json!({"appointments:write": "ALL", "appointments:read": "ALL", "patients:read": "ALL",
            "patients:clinical": "CARE", "records:read": "CARE"}),
        )
        .await;
    vera.post("/v1/appointments", body).await.expect(201);
    let seen = vera.get(&chart(&ada)).await.expect(200);
    assert_eq!(seen.body["allergies"], Value::Null);
    assert!(relations(&world, &vera).await.is_empty());
}

#[tokio::test]
async fn a_visit_booked_by_the_patient_gives_care_until_two_years_after_it() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    vera.get(&chart(&ada)).await.problem(404, "not-found");
    let body = visit(&ada, &vera, "2030-01-07T09:00:00Z");
    let booked = ada.post("/v1/appointments", body).await.expect(201);
    vera.get(&chart(&ada)).await.expect(200);
    let until = |year: i32| {
        json!({
            "basis": "VISIT", "until": format!("{year}-01-07T09:30:00+00:00"), "is_suspended": false,
            "created_by": ada.user
        })
    };
    assert_eq!(relations(&world, &vera).await, [until(2032)]);

    // Moving the visit moves the end.
    let path = format!("/v1/appointments/{}", booked.id());
    let patch = json!({"scheduled_at": "2031-01-07T09:00:00Z", "reason": "Travelling"});
    let moved = ada.patch(&path, 1, patch).await.expect(200);
    assert_eq!(relations(&world, &vera).await, [until(2033)]);
    let row = audit("update-appointment", "UPDATE", "APPOINTMENT").by(&ada);
    let row = row.resource(booked.id()).patient(ada.id);
    let row = row.detail("fields", json!(["reason", "scheduled_at"]));
    let row = row.giving_care(vera.user, "VISIT", Some("2033-01-07T09:30:00Z"));
    world.audited(&moved, row).await;

    let over = "update care_relations set until = now() - interval '1 second'";
    world.sql(over, &[]).await;
    vera.get(&chart(&ada)).await.problem(404, "not-found");
    // A provider who has the patient no longer in their care doesn't prolong it by moving the visit.
    let patch = json!({"scheduled_at": "2032-01-07T09:00:00Z", "reason": "Travelling"});
    vera.patch(&path, 2, patch).await.expect(200);
    vera.get(&chart(&ada)).await.problem(404, "not-found");
}

#[tokio::test]
async fn cancelling_archiving_and_unassigning_end_care_at_once() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);

    let to_come = visit(&ada, &vera, "2030-01-07T09:00:00Z");
    let booked = ada.post("/v1/appointments", to_come).await.expect(201);
    let past = visit(&ada, &vera, &days_ago(40));
    let recorded = admin.post("/v1/appointments", past).await.expect(201);
    admin.put(&providers(&ada, &vera)).await.expect(200);
    assert_eq!(relations(&world, &vera).await.len(), 3);

    admin
        .send(Method::DELETE, &providers(&ada, &vera), None)
        .await
        .expect(200);
    assert_eq!(relations(&world, &vera).await.len(), 2);
    let cancel = format!("/v1/appointments/{}/cancel", booked.id());
    let reason = json!({"reason": "Travelling"});
    ada.post(&cancel, reason).await.expect(200);
    vera.get(&chart(&ada)).await.expect(200);
    let path = format!("/v1/appointments/{}", recorded.id());
    vera.post(&format!("{path}/complete"), json!({}))
        .await
        .expect(200);
    vera.get(&chart(&ada)).await.expect(200);
    admin.delete(&path, 2).await.expect(200);
    vera.get(&chart(&ada)).await.problem(404, "not-found");
    assert!(relations(&world, &vera).await.is_empty());

    // A new assignment begins anew.
    admin.put(&providers(&ada, &vera)).await.expect(200);
    vera.get(&chart(&ada)).await.expect(200);
}

#[tokio::test]
async fn a_withdrawn_licence_suspends_care_and_verification_resumes_it() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    for provider in [&vera, &walt] {
        world.assign(&ada, provider).await;
    }
    let body = visit(&ben, &vera, "2030-01-07T09:00:00Z");
    ben.post("/v1/appointments", body).await.expect(201);

    verify(&admin, &vera, false).await;
    for patient in [&ada, &ben] {
        vera.get(&chart(patient)).await.problem(404, "not-found");
    }
    assert!(vera.get("/v1/patients").await.ids().is_empty());
    walt.get(&chart(&ada)).await.expect(200);
    // Care that begins meanwhile is suspended, too.
    let cleo = world.patient("Cleo").await;
    admin.put(&providers(&cleo, &vera)).await.expect(200);
    vera.get(&chart(&cleo)).await.problem(404, "not-found");

    verify(&admin, &vera, true).await;
    for patient in [&ada, &ben, &cleo] {
        vera.get(&chart(patient)).await.expect(200);
    }
    // A new licence number must be verified again.
    let path = format!("/v1/providers/{}", vera.id);
    let version = admin.get(&path).await.body["version"].as_i64().unwrap();
    let patch = json!({"license_number": "NEW-1"});
    admin.patch(&path, version, patch).await.expect(200);
    vera.get(&chart(&ada)).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_provider_who_is_not_registered_has_nobody_in_care() {
    let world = World::new().await;
    let (ada, nora) = (
        world.patient("Ada").await,
        world.user("NURSE", "Nora").await,
    );
    let vince = world.user("PROVIDER", "Vince").await;
    for member in [&nora, &vince] {
        world.grant(&ada, member.user, "COVER", "9 days").await;
    }
    nora.get(&chart(&ada)).await.expect(200);
    vince.get(&chart(&ada)).await.problem(404, "not-found");
    // A nurse who becomes a provider needs a licence from then on.
    let role = "update user_profiles set role = 'PROVIDER' where id = $1";
    world.sql(role, &[&nora.user]).await;
    nora.get(&chart(&ada)).await.problem(404, "not-found");
    let registered = "insert into providers (id, user_id, license_number, is_verified)
         values (gen_random_uuid(), $1, 'N-1', true)";
    world.sql(registered, &[&nora.user]).await;
    nora.get(&chart(&ada)).await.expect(200);
}

#[tokio::test]
async fn nobody_assigns_themselves_whatever_their_role() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    world
        .redefine(
            "PROVIDER",
            json!({"patients:assign": "ALL", "patients:read": "ALL"}),
        )
        .await;
    let denied = audit("assign-provider", "UPDATE", "PATIENT")
        .by(&vera)
        .resource(ada.id)
        .patient(ada.id)
        .detail("provider_id", vera.id.to_string())
        .denied("forbidden");
    let answer = world
        .refused(vera.put(&providers(&ada, &vera)), 403, denied)
        .await;
    assert_eq!(
        answer.body["detail"],
        "Nobody can give care to themselves. Ask another user to do it."
    );
    vera.put(&providers(&ada, &walt)).await.expect(200);
}

#[tokio::test]
async fn the_assignment_of_an_archived_patient_ends_after_a_time() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let record = world.note(&ada, &vera, "Well.").await;
    admin.delete(&chart(&ada), 2).await.expect(200);
    // A late result can still be read and written up.
    let path = format!("/v1/medical-records/{record}");
    vera.get(&path).await.expect(200);
    let ends = world
        .row(
            "select c.until = p.archived_at + interval '24 months' as is_counted
             from care_relations c join patients p on p.id = c.patient_id",
            &[],
        )
        .await;
    assert_eq!(ends["is_counted"], true);
    let over = "update care_relations set until = now()";
    world.sql(over, &[]).await;
    vera.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_change_of_the_setting_moves_the_end_of_care() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    world.assign(&ada, &walt).await;
    world.visit(&ada, &vera, &days_ago(100), "COMPLETED").await;
    vera.get(&chart(&ada)).await.expect(200);
    let url = world.superuser_url();
    migrations::set_care_after_visit(&url, None, "3 months")
        .await
        .unwrap();
    vera.get(&chart(&ada)).await.problem(404, "not-found");
    walt.get(&chart(&ada)).await.expect(200);
    migrations::set_care_after_visit(&url, None, "4 months")
        .await
        .unwrap();
    vera.get(&chart(&ada)).await.expect(200);
    for wrong in ["1 hour", "11 years", "soon"] {
        let refused = migrations::set_care_after_visit(&url, None, wrong).await;
        assert!(refused.is_err(), "{wrong}");
    }
}

/// Two transactions at once. The second statement waits until the first transaction ends.
async fn at_once(world: &World, first: &str, second: &str) {
    let (one, two) = (world.connect().await, world.connect().await);
    one.batch_execute(&format!("begin; {first}")).await.unwrap();
    let waiting = two.batch_execute(second);
    let released = async {
        eventually("the second statement waits", async || {
            let waits = "select from pg_stat_activity
                 where wait_event_type = 'Lock' and datname = current_database()";
            !world.sql(waits, &[]).await.is_empty()
        })
        .await;
        one.batch_execute("commit").await.unwrap();
    };
    let (done, ()) = tokio::join!(waiting, released);
    done.unwrap();
}

#[tokio::test]
async fn a_licence_withdrawn_during_an_assignment_suspends_it() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let withdraw = "update providers set is_verified = false".to_owned();
    for assignment_is_first in [true, false] {
        world
            .sql("update providers set is_verified = true", &[])
            .await;
        let ada = world.patient("Ada").await;
        let assign = format!(
            "update patients set assigned_providers = array['{}']::uuid[] where id = '{}'",
            vera.id, ada.id
        );
        let (first, second) = match assignment_is_first {
            true => (&assign, &withdraw),
            false => (&withdraw, &assign),
        };
        at_once(&world, first, second).await;
        vera.get(&chart(&ada)).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_setting_changed_during_a_booking_counts_for_it() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    for booking_is_first in [true, false] {
        let (ada, id) = (world.patient("Ada").await, Uuid::now_v7());
        let book = format!(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
             values ('{id}', '{}', '{}', now() - interval '100 days', 30, 'COMPLETED')",
            ada.id, vera.id
        );
        let change = format!(
            "update settings set care_after_visit = interval '{} months'",
            if booking_is_first { 3 } else { 4 }
        );
        let (first, second) = match booking_is_first {
            true => (&book, &change),
            false => (&change, &book),
        };
        at_once(&world, first, second).await;
        let is_over = vera.get(&chart(&ada)).await.status == 404;
        assert_eq!(is_over, booking_is_first);
    }
}

#[tokio::test]
async fn of_two_visits_that_are_cancelled_at_once_none_gives_care_afterwards() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, mut visits) = (world.admin().await, Vec::new());
    for start in ["2030-01-07T09:00Z", "2030-01-08T09:00Z"] {
        visits.push(world.visit(&ada, &vera, start, "SCHEDULED").await);
    }
    let cancel = async |caller: &Actor, visit: &Uuid| {
        let path = format!("/v1/appointments/{visit}/cancel");
        caller.post(&path, json!({"reason": "Ill"})).await
    };
    let (first, second) = tokio::join!(cancel(&ada, &visits[0]), cancel(&admin, &visits[1]));
    first.expect(200);
    second.expect(200);
    vera.get(&chart(&ada)).await.problem(404, "not-found");
    // An assignment and its end, and a booking and its cancellation, leave the visit that remains.
    let kept = world
        .visit(&ada, &vera, "2030-01-09T09:00Z", "SCHEDULED")
        .await;
    world.assign(&ada, &vera).await;
    let (patient, visit) = (ada.id, visits[0]);
    at_once(
        &world,
        &format!("update patients set assigned_providers = '{{}}' where id = '{patient}'"),
        &format!(
            "update patients set gender = 'other', assigned_providers = '{{}}' where id = '{patient}'"
        ),
    )
    .await;
    at_once(
        &world,
        &format!("update appointments set notes = 'x' where id = '{kept}'"),
        &format!("update appointments set status = 'CANCELLED' where id in ('{kept}', '{visit}')"),
    )
    .await;
    vera.get(&chart(&ada)).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_care_relation_is_not_changed_past_its_rules() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let app = world.connect_as(PEOPLE).await;
    for statement in [
        "update care_relations set is_suspended = false",
        "update care_relations set member_id = gen_random_uuid()",
        "delete from care_relations",
        "update settings set care_after_visit = '100 months'",
        "select * from settings",
    ] {
        let refused = app.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{statement}");
    }
}
