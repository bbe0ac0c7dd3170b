//! `POST /v1/patients`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("create-patient", "CREATE", "PATIENT")
}

fn ada(user: Uuid) -> Value {
    json!({
        "user_id": user,
        "patient_number": "MRN-0001",
        "date_of_birth": "1985-02-28",
        "gender": "female",
        "medical_history": [{
            "code": {"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"},
            "onset": "1999-01-01",
            "note": "Childhood"
        }],
        "allergies": [{
            "code": {"system": "http://snomed.info/sct", "code": "91935009"},
            "category": ["food"],
            "criticality": "unable-to-assess",
            "clinical_status": "active",
            "recorded_at": "2020-03-04T05:06:07Z"
        }],
        "health_goals": [{"description": "Walk daily", "status": "active", "target_date": "2031-01-01"}],
        "risk_factors": [{"description": "Smoker", "severity": "moderate"}]
    })
}

#[tokio::test]
async fn an_administrator_registers_a_patient_and_gets_no_clinical_fields_back() {
    let world = World::new().await;
    let (admin, user) = (world.admin().await, world.user("PATIENT", "Ada").await);
    let answer = admin.post("/v1/patients", ada(user.user)).await.expect(201);
    let id = answer.id();
    assert_eq!(answer.header("location"), format!("/v1/patients/{id}"));
    assert_eq!(answer.body["user_id"], json!(user.user));
    assert_eq!(answer.body["first_name"], "Ada");
    assert_eq!(answer.body["assigned_providers"], json!([]));
    assert_eq!(answer.body["version"], 1);
    assert_eq!(answer.body["allergies"], Value::Null);
    world
        .audited(&answer, row().by(&admin).resource(id).patient(id))
        .await;

    let stored = world
        .row("select * from patients where id = $1", &[&id])
        .await;
    let sent = ada(user.user);
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(&stored[field], value, "{field}");
    }

    // The patient reads back what was sent.
    let read = user.get(&format!("/v1/patients/{id}")).await.expect(200);
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(&read.body[field], value, "{field}");
    }
}

#[tokio::test]
async fn only_an_administrator_registers_patients() {
    let world = World::new().await;
    let user = world.user("PATIENT", "Ada").await;
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    for caller in [&user, &*vera, &officer] {
        let denied = row().by(caller).attempted().denied("forbidden");
        world
            .refused(caller.post("/v1/patients", ada(user.user)), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_second_patient_with_the_same_user_or_number_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (first, second) = (
        world.user("PATIENT", "Ada").await,
        world.user("PATIENT", "Ben").await,
    );
    admin
        .post("/v1/patients", ada(first.user))
        .await
        .expect(201);
    let mut same_user = ada(first.user);
    same_user["patient_number"] = json!("MRN-0002");
    for body in [same_user, ada(second.user)] {
        let failed = row().by(&admin).attempted().failed("already-exists");
        world
            .refused(admin.post("/v1/patients", body), 409, failed)
            .await;
    }
}

#[tokio::test]
async fn a_patient_needs_a_user_with_the_role_patient() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    for user in [vera.user, Uuid::now_v7()] {
        let expected = row().by(&admin).attempted();
        world
            .invalid(admin.post("/v1/patients", ada(user)), "user_id", expected)
            .await;
    }
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let (admin, user) = (world.admin().await, world.user("PATIENT", "Ada").await);
    for (pointer, value, field) in [
        ("/patient_number", json!(" "), "patient_number"),
        ("/patient_number", json!("x".repeat(101)), "patient_number"),
        ("/date_of_birth", json!("1849-12-31"), "date_of_birth"),
        ("/date_of_birth", json!("1985-02-29"), "date_of_birth"),
        ("/gender", json!("FEMALE"), "gender"),
        (
            "/allergies/0/criticality",
            json!("severe"),
            "allergies[0].criticality",
        ),
        (
            "/allergies/0/code/system",
            json!(""),
            "allergies[0].code.system",
        ),
        (
            "/health_goals/0/target_date",
            json!("soon"),
            "health_goals[0].target_date",
        ),
    ] {
        let mut body = ada(user.user);
        *body.pointer_mut(pointer).unwrap() = value;
        let expected = row().by(&admin).attempted().so_far();
        world
            .invalid(admin.post("/v1/patients", body), field, expected)
            .await;
    }
}

#[tokio::test]
async fn accents_case_and_apostrophes_do_not_hide_a_duplicate() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (number, (first_name, last_name)) in [
        ("Bénédicte", "Lévesque"),
        ("BENEDICTE", "Levesque"),
        ("Liam", "O’Neill"),
        ("liam", "ONeill"),
    ]
    .into_iter()
    .enumerate()
    {
        let user = world.user("PATIENT", "Ada").await;
        let renamed = "update user_profiles set first_name = $2, last_name = $3 where id = $1";
        world
            .sql(renamed, &[&user.user, &first_name, &last_name])
            .await;
        let mut body = ada(user.user);
        body["patient_number"] = json!(number.to_string());
        let answer = admin.post("/v1/patients", body).await.expect(201);
        let alike = answer.body["possible_duplicates"].as_array().unwrap().len();
        assert_eq!(alike, number % 2, "{first_name} {last_name}");
    }
}

#[tokio::test]
async fn likely_duplicates_are_reported_and_not_merged() {
    let world = World::new().await;
    let admin = world.admin().await;
    // These are Ada Example with the same birth date, with another birth date, and a different
    // name.
    let mut registered = Vec::new();
    for (name, number, born) in [
        ("Ada", "1", "1985-02-28"),
        ("Ada", "2", "1985-02-27"),
        ("Maximilian", "3", "1985-02-28"),
    ] {
        let user = world.user("PATIENT", name).await;
        let mut body = ada(user.user);
        body["patient_number"] = json!(number);
        body["date_of_birth"] = json!(born);
        if name != "Ada" {
            let other = "update user_profiles set last_name = 'Quux' where id = $1";
            world.sql(other, &[&user.user]).await;
        }
        let answer = admin.post("/v1/patients", body).await.expect(201);
        assert_eq!(answer.body["possible_duplicates"], json!([]));
        registered.push(answer.id());
    }

    let user = world.user("PATIENT", "Adah").await;
    let alike = json!([registered[0]]);
    let send = async || {
        let request = admin
            .request(http::Method::POST, "/v1/patients")
            .header("content-type", "application/json")
            .header("idempotency-key", "register-1")
            .body(ada(user.user).to_string().into());
        let answer = admin.send_request(request.unwrap()).await.expect(201);
        assert_eq!(answer.body["possible_duplicates"], alike);
        answer
    };
    let answer = send().await;
    let id = answer.id();
    let created = row()
        .by(&admin)
        .resource(id)
        .patient(id)
        .detail("possible_duplicates", alike.clone());
    world.audited(&answer, created.clone()).await;
    // A repeated answer names them too, and so does its row.
    let again = send().await;
    world
        .audited(&again, created.detail("replayed", true))
        .await;
    let count = world.row("select count(*) from patients", &[]).await;
    assert_eq!(count["count"], 4);
}
