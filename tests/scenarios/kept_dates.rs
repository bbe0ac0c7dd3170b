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
async fn a_date_of_birth_is_kept_and_found_as_exactly_as_it_is_known() {
    let world = World::new().await;
    let admin = world.admin().await;
    let this_year = &in_days(0)[..4];
    let register = async |born: &str| {
        let user = world.user("PATIENT", "Ada").await;
        let body = json!({
            "user_id": user.user, "patient_number": user.user, "date_of_birth": born, "gender": "unknown"
        });
        admin.post("/v1/patients", body).await
    };
    // Given patients of one name, whose dates of birth are known more or less exactly
    let mut patients = Vec::new();
    for born in [
        "1984",
        "1984-07",
        "1984-07-21",
        "1984-07-22",
        "1984-11",
        "1983",
        this_year,
    ] {
        let registered = register(born).await.expect(201);
        assert_eq!(registered.body["date_of_birth"], born);
        let created = audit("create-patient", "CREATE", "PATIENT").by(&admin);
        let mut created = created.resource(registered.id()).patient(registered.id());
        // Then those who can have the same date of birth are possible duplicates
        let likely: Vec<_> = patients
            .iter()
            .filter(|(other, _): &&(&str, Uuid)| born.starts_with(other) || other.starts_with(born))
            .map(|(_, id)| json!(id))
            .collect();
        let named = registered.body["possible_duplicates"].as_array().unwrap();
        assert_eq!(*named, likely, "{born}");
        if !likely.is_empty() {
            created = created.detail("possible_duplicates", json!(likely));
        }
        world.audited(&registered, created).await;
        let stored = "select date_of_birth from patients where id = $1";
        let stored = world.row(stored, &[&registered.id()]).await;
        assert_eq!(stored["date_of_birth"], born);
        patients.push((born, registered.id()));
    }
    // And a search finds them, with and without a name
    for asked in [
        "1984",
        "1984-07",
        "1984-07-21",
        "1984-08",
        "1984-08-01",
        "1985",
        "198",
    ] {
        for criteria in [
            json!({"date_of_birth": asked}),
            json!({"date_of_birth": asked, "name": "ada"}),
        ] {
            let answer = admin.post("/v1/patients/search", criteria).await;
            if asked == "198" {
                answer.invalid("date_of_birth");
                continue;
            }
            let mut found = answer.expect(200).ids();
            found.sort();
            let expected: Vec<_> = patients
                .iter()
                .filter(|(born, _)| born.starts_with(asked) || asked.starts_with(born))
                .map(|(_, id)| *id)
                .collect();
            assert_eq!(found, expected, "{asked}");
        }
    }
    // And a date becomes more exact, but no impossible one is taken
    let path = format!("/v1/patients/{}", patients[0].1);
    let exact = json!({"date_of_birth": "1984-07-21"});
    let changed = admin.patch(&path, 1, exact).await.expect(200);
    assert_eq!(changed.body["date_of_birth"], "1984-07-21");
    let next_year = format!("{}", this_year.parse::<i32>().unwrap() + 1);
    for wrong in [
        "1849",
        "1849-12",
        "1984-13",
        "1984-02-30",
        "84",
        next_year.as_str(),
    ] {
        register(wrong).await.invalid("date_of_birth");
        admin
            .patch(&path, 2, json!({"date_of_birth": wrong}))
            .await
            .invalid("date_of_birth");
    }
}

#[tokio::test]
async fn a_visit_may_take_place_when_its_patient_may_be_born() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let path = format!("/v1/patients/{}", ada.id);
    let patch = json!({"date_of_birth": "1990-05"});
    admin.patch(&path, 1, patch).await.expect(200);
    let visit = |at: &str| {
        json!({
            "patient_id": ada.id, "provider_id": vera.id, "scheduled_at": at, "duration_minutes": 20
        })
    };
    admin
        .post("/v1/appointments", visit("1990-04-30T09:59:00Z"))
        .await
        .invalid("scheduled_at");
    admin
        .post("/v1/appointments", visit("1990-04-30T10:00:00Z"))
        .await
        .expect(201);
    for (version, born, is_fit) in [(2, "1990-06", false), (2, "1990", true), (3, "1991", false)] {
        let patch = json!({"date_of_birth": born});
        let answer = admin.patch(&path, version, patch).await;
        match is_fit {
            true => drop(answer.expect(200)),
            false => drop(answer.invalid("date_of_birth")),
        }
    }
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
        ("DIAGNOSIS", "code", "recorded_at"),
        ("LAB_RESULT", "code", "effective"),
        ("LAB_RESULT", "code", "effective_start"),
        ("LAB_RESULT", "code", "effective_end"),
        ("LAB_RESULT", "code", "issued"),
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
