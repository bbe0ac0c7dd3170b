//! What each rule of `review-access` raises, and what it doesn't.

use tests::prelude::*;

use super::{age, alerts, read, review};

#[tokio::test]
async fn a_first_access_that_nothing_explains_raises_an_alert_and_a_later_day_does_not() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    age(&world).await;
    rename(&world, admin.user, "Stranger").await;
    let first = read(&world, &admin, &ada).await;
    review(&world).await;
    let raised = alerts(&world, "unexplained-access").await;
    let [alert] = &raised[..] else {
        panic!("{raised:?}")
    };
    assert_eq!(alert["actor_id"], json!(admin.user));
    assert_eq!(alert["patient_id"], json!(ada.id));
    assert_eq!(alert["evidence"], json!([first]));
    assert_eq!(alert["explanations"].as_array().unwrap().len(), 10);
    // On the same day it is counted, with its row.
    let second = read(&world, &admin, &ada).await;
    review(&world).await;
    let raised = alerts(&world, "unexplained-access").await;
    assert_eq!(raised[0]["occurrences"], 2);
    assert_eq!(raised[0]["evidence"], json!([second, first]));

    // Tomorrow it is no longer the first.
    world
        .sql("update chart_accesses set day = day - 1", &[])
        .await;
    read(&world, &admin, &ada).await;
    review(&world).await;
    assert_eq!(
        alerts(&world, "unexplained-access").await[0]["occurrences"],
        2
    );
    assert!(alerts(&world, "family-access").await.is_empty());
}

#[tokio::test]
async fn a_threshold_and_a_disabled_rule_count() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    age(&world).await;
    world
        .sql(
            "update alert_rules set threshold = 2 where name = 'unexplained-access'",
            &[],
        )
        .await;
    world
        .sql(
            "update alert_rules set is_enabled = false where name = 'family-access'",
            &[],
        )
        .await;
    read(&world, &admin, &ada).await;
    review(&world).await;
    assert!(alerts(&world, "unexplained-access").await.is_empty());
    read(&world, &admin, &ada).await;
    review(&world).await;
    assert_eq!(alerts(&world, "unexplained-access").await.len(), 1);
    assert!(alerts(&world, "family-access").await.is_empty());
}

#[tokio::test]
async fn an_unexplained_access_to_a_person_of_the_same_family_name_or_address_weighs_more() {
    let world = World::new().await;
    let (ada, ben, cleo) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.patient("Cleo").await,
    );
    let admin = world.admin().await;
    age(&world).await;
    rename(&world, ben.user, "Elsewhere").await;
    rename(&world, cleo.user, "Otherwise").await;
    world
        .sql("update settings set off_hours_weight = 0", &[])
        .await;
    let home = json!({"line": ["1 Sample Street"], "city": "Springfield"});
    for user in [admin.user, cleo.user] {
        world
            .sql(
                "update user_profiles set address = $2 where id = $1",
                &[&user, &home],
            )
            .await;
    }
    for patient in [&ada, &ben, &cleo] {
        read(&world, &admin, patient).await;
    }
    review(&world).await;
    let raised = alerts(&world, "family-access").await;
    let patients: Vec<_> = raised
        .iter()
        .map(|alert| alert["patient_id"].clone())
        .collect();
    assert_eq!(patients, [json!(ada.id), json!(cleo.id)]);
    assert_eq!(raised[0]["score"], 70);
}

#[tokio::test]
async fn an_unexplained_access_to_the_chart_of_a_colleague_is_found_by_the_name() {
    let world = World::new().await;
    let (nora, ben) = (world.patient("Nora").await, world.patient("Ben").await);
    world.user("NURSE", "Nora").await;
    let admin = world.admin().await;
    age(&world).await;
    for patient in [&nora, &ben] {
        read(&world, &admin, patient).await;
    }
    review(&world).await;
    let raised = alerts(&world, "colleague-access").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["patient_id"], json!(nora.id));
}

#[tokio::test]
async fn who_reads_their_own_chart_through_their_office_is_found_and_who_reads_it_as_the_patient_is_not()
 {
    let world = World::new().await;
    let (own, admin) = (world.patient("Adrian").await, world.admin().await);
    read(&world, &own, &own).await;
    let evidence = read(&world, &admin, &own).await;
    review(&world).await;
    let raised = alerts(&world, "own-chart").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(admin.user));
    assert_eq!(raised[0]["evidence"], json!([evidence]));
}

#[tokio::test]
async fn a_patient_whom_two_persons_access_without_explanation_within_a_day_is_sought() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    age(&world).await;
    for persons in 1..=3 {
        read(&world, &world.admin().await, &ada).await;
        review(&world).await;
        let raised = alerts(&world, "sought-patient").await;
        assert_eq!(raised.len(), usize::from(persons >= 2), "{persons}");
    }
    let alert = &alerts(&world, "sought-patient").await[0];
    assert_eq!(alert["actor_id"], Value::Null);
    assert_eq!(alert["patient_id"], json!(ada.id));
    assert_eq!(alert["evidence"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn care_that_is_given_used_and_taken_back_within_a_day_is_found_at_once() {
    let world = World::new().await;
    let (ada, ben, cleo) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.patient("Cleo").await,
    );
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    for patient in [&ada, &ben, &cleo] {
        let path = format!("/v1/patients/{}/providers/{}", patient.id, vera.id);
        admin.put(&path).await.expect(200);
    }
    let evidence = read(&world, &vera, &ada).await;
    read(&world, &vera, &cleo).await;
    // One was not read, and one is older than a day.
    world
        .rewrite_history(&format!(
            "update care_relations set since = now() - interval '2 days' where patient_id = '{}'",
            cleo.id
        ))
        .await;
    for patient in [&ada, &ben, &cleo] {
        let path = format!("/v1/patients/{}/providers/{}", patient.id, vera.id);
        admin
            .send(http::Method::DELETE, &path, None)
            .await
            .expect(200);
    }
    let raised = alerts(&world, "short-care").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(vera.user));
    assert_eq!(raised[0]["patient_id"], json!(ada.id));
    assert_eq!(raised[0]["evidence"], json!([evidence]));
}

#[tokio::test]
async fn who_tries_many_ids_is_found_and_who_mistypes_some_is_not() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for _ in 0..20 {
        let path = format!("/v1/patients/{}", Uuid::now_v7());
        vera.get(&path).await.problem(404, "not-found");
    }
    // The same id again and again is no search for others.
    for _ in 0..25 {
        let path = format!("/v1/patients/{}", vera.id);
        ada.get(&path).await.problem(404, "not-found");
    }
    review(&world).await;
    let raised = alerts(&world, "id-enumeration").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(vera.user));
    assert_eq!(raised[0]["patient_id"], Value::Null);
    assert_eq!(raised[0]["evidence"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn many_patients_on_one_day_are_found_unless_the_person_usually_has_as_many() {
    let world = World::new().await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world
        .sql(
            "update alert_rules set threshold = 4 where name = 'many-patients'",
            &[],
        )
        .await;
    let mut patients = Vec::new();
    for name in ["Ada", "Ben", "Cleo", "Dan"] {
        let patient = world.patient(name).await;
        for provider in [&vera, &walt] {
            world.assign(&patient, provider).await;
        }
        patients.push(patient);
    }
    // Walt usually has two a day, so four are no surprise.
    world
        .sql(
            "insert into chart_accesses (day, user_id, patient_id, accesses, unexplained, evidence)
             select (now() at time zone 'UTC')::date - d, $1, gen_random_uuid(), 1, 0, '{}'
             from generate_series(1, 5) as d cross join generate_series(1, 2)",
            &[&walt.user],
        )
        .await;
    for patient in &patients[..3] {
        read(&world, &vera, patient).await;
    }
    review(&world).await;
    assert!(alerts(&world, "many-patients").await.is_empty());
    for provider in [&vera, &walt] {
        for patient in &patients {
            read(&world, provider, patient).await;
        }
    }
    review(&world).await;
    let raised = alerts(&world, "many-patients").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(vera.user));
    assert_eq!(raised[0]["evidence"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn many_downloads_within_an_hour_are_found() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world
        .sql(
            "update alert_rules set threshold = 2 where name = 'bulk-download'",
            &[],
        )
        .await;
    let (one, two) = (
        world.uploaded(&ada, "application/pdf", files::PDF).await,
        world.uploaded(&ada, "application/pdf", files::PDF).await,
    );
    for _ in 0..3 {
        ada.get(&format!("/v1/files/{one}")).await.expect(200);
    }
    review(&world).await;
    assert!(alerts(&world, "bulk-download").await.is_empty());
    ada.get(&format!("/v1/files/{two}")).await.expect(200);
    review(&world).await;
    let raised = alerts(&world, "bulk-download").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(ada.user));
}

#[tokio::test]
async fn a_suspended_account_that_still_tries_is_found() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    world.sql(suspend, &[&vera.user]).await;
    vera.get(&format!("/v1/patients/{}", ada.id))
        .await
        .problem(403, "forbidden");
    ada.get("/v1/alerts").await.problem(403, "forbidden");
    review(&world).await;
    let raised = alerts(&world, "closed-account").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(vera.user));
    assert_eq!(raised[0]["evidence"].as_array().unwrap().len(), 1);
}

/// The schedule may have failed for a while. The rules look at the time of the accesses and not at the clock.
#[tokio::test]
async fn what_happened_within_an_hour_or_a_day_is_found_also_by_a_late_review() {
    let world = World::new().await;
    let (ada, vera, walt) = (
        world.patient("Ada").await,
        world.provider("Vera").await,
        world.provider("Walt").await,
    );
    age(&world).await;
    world
        .sql(
            "update alert_rules set threshold = 1 where name = 'bulk-download'",
            &[],
        )
        .await;
    for _ in 0..20 {
        let path = format!("/v1/patients/{}", Uuid::now_v7());
        vera.get(&path).await.problem(404, "not-found");
    }
    let file = world.uploaded(&ada, "application/pdf", files::PDF).await;
    ada.get(&format!("/v1/files/{file}")).await.expect(200);
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    world.sql(suspend, &[&walt.user]).await;
    walt.get(&format!("/v1/patients/{}", ada.id))
        .await
        .problem(403, "forbidden");
    for _ in 0..3 {
        read(&world, &world.admin().await, &ada).await;
    }

    world.age_log(1).await;
    review(&world).await;
    for (rule, actor) in [
        ("id-enumeration", Some(vera.user)),
        ("bulk-download", Some(ada.user)),
        ("closed-account", Some(walt.user)),
        ("sought-patient", None),
    ] {
        let raised = alerts(&world, rule).await;
        assert_eq!(raised.len(), 1, "{rule}");
        assert_eq!(raised[0]["actor_id"], json!(actor), "{rule}");
    }
}

async fn rename(world: &World, user: Uuid, last_name: &str) {
    let rename = "update user_profiles set last_name = $2 where id = $1";
    world.sql(rename, &[&user, &last_name]).await;
}
