//! Dates and times are plausible, and are kept as exactly as they are known.

use domain::time::{TimeDelta, Timestamp};
use tests::prelude::*;

fn in_days(days: i64) -> String {
    let day = Timestamp::now() + TimeDelta::days(days);
    day.to_string()[..10].to_owned()
}

#[tokio::test]
async fn nobody_is_born_in_the_future_or_before_1850() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let registration = |user: Uuid, born: &str| json!({"user_id": user, "patient_number": born, "date_of_birth": born, "gender": "unknown"});
    for born in ["1850-01-01".to_owned(), in_days(0)] {
        let newborn = world.user("PATIENT", "Nova").await;
        admin
            .post("/v1/patients", registration(newborn.user, &born))
            .await
            .expect(201);
    }
    let unborn = world.user("PATIENT", "Nobody").await;
    for born in [
        "1849-12-31".to_owned(),
        in_days(2),
        in_days(400),
        "2205-01-01".to_owned(),
    ] {
        admin
            .post("/v1/patients", registration(unborn.user, &born))
            .await
            .invalid("date_of_birth");
        admin
            .patch(
                &format!("/v1/patients/{}", ada.id),
                1,
                json!({"date_of_birth": born}),
            )
            .await
            .invalid("date_of_birth");
    }
    let rows = world
        .rows(
            "select id from patients where user_id = $1",
            &[&unborn.user],
        )
        .await;
    assert!(rows.is_empty());
}

#[tokio::test]
async fn no_visit_takes_place_before_its_patient_is_born() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    // Ada was born on 1990-05-17.
    let visit = |at: &str| {
        json!({
            "patient_id": ada.id, "provider_id": vera.id, "scheduled_at": at, "duration_minutes": 20
        })
    };
    for early in [
        "1990-05-16T09:59:00Z",
        "1989-01-01T09:00:00Z",
        "1850-01-01T00:00:00Z",
    ] {
        admin
            .post("/v1/appointments", visit(early))
            .await
            .invalid("scheduled_at");
    }
    // It may be the day of birth already where the patient is born.
    let made = admin
        .post("/v1/appointments", visit("1990-05-16T10:00:00Z"))
        .await
        .expect(201);
    let path = format!("/v1/appointments/{}", made.id());
    let patch = json!({"scheduled_at": "1990-05-15T09:00:00Z", "reason": "It was earlier"});
    admin.patch(&path, 1, patch).await.invalid("scheduled_at");

    let patient = format!("/v1/patients/{}", ada.id);
    let answer = admin
        .patch(&patient, 1, json!({"date_of_birth": "1990-05-18"}))
        .await
        .invalid("date_of_birth");
    assert_eq!(
        answer.body["errors"][0]["message"],
        "expected a date that isn't after the patient's first appointment"
    );
    admin
        .patch(&patient, 1, json!({"date_of_birth": "1990-05-16"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_date_is_kept_as_exactly_as_it_is_known() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let diagnosis = |onset: &str| {
        json!({
            "patient_id": ada.id, "record_type": "DIAGNOSIS",
            "content": {"code": {"system": "http://snomed.info/sct", "code": "38341003"}, "onset": onset}
        })
    };
    for (onset, kept) in [
        ("2019", "2019"),
        ("2019-05", "2019-05"),
        ("2019-05-17", "2019-05-17"),
        ("2019-05-17T10:30:00+02:00", "2019-05-17T08:30:00Z"),
    ] {
        let made = vera
            .post("/v1/medical-records", diagnosis(onset))
            .await
            .expect(201);
        assert_eq!(made.body["content"]["onset"], kept);
        let read = ada
            .get(&format!("/v1/medical-records/{}", made.id()))
            .await
            .expect(200);
        assert_eq!(read.body["content"]["onset"], kept);
    }
    for wrong in [
        "19",
        "2019-5",
        "2019-13",
        "2019-02-30",
        "1849",
        "2019-05-17T10:30",
        "May 2019",
    ] {
        vera.post("/v1/medical-records", diagnosis(wrong))
            .await
            .invalid("content.onset");
    }

    let history = json!([{"code": {"system": "http://snomed.info/sct", "code": "38341003"}, "onset": "2001"}]);
    let allergies = json!([{
        "code": {"system": "http://snomed.info/sct", "code": "424213003"}, "recorded_at": "2020-11"
    }]);
    let goals = json!([{"description": "Walk half an hour a day", "target_date": "2031"}]);
    let patch = json!({"medical_history": history, "allergies": allergies, "health_goals": goals});
    let answer = vera
        .patch(&format!("/v1/patients/{}", ada.id), 2, patch.clone())
        .await
        .expect(200);
    for field in ["medical_history", "allergies", "health_goals"] {
        assert_eq!(answer.body[field], patch[field]);
    }
}

#[tokio::test]
async fn what_was_measured_or_done_does_not_lie_in_the_future() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let code = json!({"system": "http://example.org/codes", "code": "1"});
    let later = in_days(3);
    for (record_type, coded, field) in [
        ("DIAGNOSIS", "code", "onset"),
        ("DIAGNOSIS", "code", "abatement"),
        ("TREATMENT", "code", "performed_start"),
        ("TREATMENT", "code", "performed_end"),
        ("LAB_RESULT", "code", "effective"),
        ("PRESCRIPTION", "medication", "authored_on"),
        ("IMAGING", "modality", "started"),
        ("IMMUNIZATION", "vaccine", "occurrence"),
    ] {
        let record = |time: &str| {
            json!({
                "patient_id": ada.id, "record_type": record_type, "content": {(coded): code, (field): time}
            })
        };
        let now = Timestamp::now().to_string();
        vera.post("/v1/medical-records", record(&now))
            .await
            .expect(201);
        for time in [later.as_str(), "2999", "2999-01-01T00:00:00Z"] {
            vera.post("/v1/medical-records", record(time))
                .await
                .invalid(&format!("content.{field}"));
        }
    }
    let plan = json!({
        "patient_id": ada.id, "record_type": "CARE_PLAN",
        "content": {"category": code, "period_start": later, "period_end": "2999"}
    });
    vera.post("/v1/medical-records", plan).await.expect(201);
}
