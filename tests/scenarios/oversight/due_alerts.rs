//! The alerts that `review-access` raises without an access: about the audit log itself, and about overdue reviews.

use tests::audit::Expected;
use tests::prelude::*;

use super::{PATH, REVIEWS, age_accesses, alerts, granted, path, read, resolved, schedule, signed};

/// Runs the job once. Returns the steps that raised alerts of these rules.
async fn run(world: &World) -> Vec<Value> {
    let run = world.cloud.invoke("review-access", &schedule()).await;
    let steps = run.unwrap()["steps"].as_array().unwrap().clone();
    let due = steps.into_iter();
    due.filter(|step| step["details"].get("rows").is_none())
        .collect()
}

/// Resolves all alerts of the rule as the officer.
async fn resolve(world: &World, officer: &Actor, rule: &str) {
    for alert in alerts(world, rule).await {
        if alert["status"] == "RESOLVED" {
            continue;
        }
        let id = alert["id"].as_str().unwrap().parse().unwrap();
        let version = alert["version"].as_i64().unwrap();
        officer
            .patch(&path(id), version, resolved())
            .await
            .expect(200);
    }
}

/// Makes the alerts of the rule resolved this much longer ago.
async fn wait(world: &World, rule: &str, time: &str) {
    let longer = format!(
        "update alerts set resolved_at = resolved_at - interval '{time}' where rule = '{rule}'"
    );
    world.rewrite_history(&longer).await;
}

#[tokio::test]
async fn a_row_that_waits_for_half_an_hour_to_be_sealed_is_one_alert_and_sealed_rows_are_none() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let first = read(&world, &ada, &ada).await;
    read(&world, &ada, &ada).await;
    run(&world).await;
    assert!(alerts(&world, "unsealed-rows").await.is_empty());
    let earlier = "update audit_logs set timestamp = timestamp - interval '31 minutes'";
    world.rewrite_history(earlier).await;
    let steps = run(&world).await;
    let [step] = &steps[..] else {
        panic!("{steps:?}")
    };
    let rows = world
        .audit_of_request(step["request_id"].as_str().unwrap())
        .await;
    let expected = audit("review-access", "PROCESS", "AUDIT_LOG").by_system();
    assert_eq!(Expected::of(&rows[0]), expected.detail("alerts", 1));
    let raised = alerts(&world, "unsealed-rows").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["evidence"], json!([first]));
    assert_eq!(raised[0]["actor_id"], Value::Null);
    // While it lasts, it stays the same alert.
    assert_eq!(run(&world).await, Vec::<Value>::new());
    assert_eq!(alerts(&world, "unsealed-rows").await[0]["occurrences"], 1);
}

#[tokio::test]
async fn rows_that_are_sealed_in_time_raise_nothing_however_old_they_are() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    read(&world, &ada, &ada).await;
    world.seal().await;
    let earlier = "update audit_logs set timestamp = timestamp - interval '31 minutes'";
    world.rewrite_history(earlier).await;
    assert_eq!(run(&world).await, Vec::<Value>::new());
    assert!(alerts(&world, "unsealed-rows").await.is_empty());
    assert!(alerts(&world, "quarantined-rows").await.is_empty());
}

#[tokio::test]
async fn rows_in_quarantine_are_an_alert_for_each_chain_and_further_rows_are_counted_there() {
    let world = World::new().await;
    let officer = world.officer().await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let rows: Vec<_> = (0..4).map(|_| Uuid::now_v7()).collect();
    let quarantine = async |leaf: i64, chain: Uuid, row: Option<Uuid>| {
        let insert =
            "insert into audit_quarantine (leaf, batch, reason, month, chain_id, seq, row_id)
             values ($1, 1, 'invalid_signature', '2026-01-01', $2, $1, $3)";
        world.sql(insert, &[&leaf, &chain, &row]).await;
    };
    assert_eq!(run(&world).await, Vec::<Value>::new());
    for (leaf, row) in [(5, Some(rows[0])), (6, Some(rows[1])), (7, None)] {
        quarantine(leaf, one, row).await;
    }
    quarantine(8, other, Some(rows[2])).await;
    run(&world).await;
    let raised = alerts(&world, "quarantined-rows").await;
    assert_eq!(raised.len(), 2);
    let of = |raised: &[Value], chain: Uuid| {
        let alert = raised
            .iter()
            .rfind(|alert| alert["occasion"] == json!(chain));
        alert.unwrap().clone()
    };
    assert_eq!(of(&raised, one)["evidence"], json!([rows[1], rows[0]]));
    assert_eq!(of(&raised, other)["evidence"], json!([rows[2]]));
    assert_eq!(run(&world).await, Vec::<Value>::new());
    quarantine(9, one, Some(rows[3])).await;
    run(&world).await;
    let raised = alerts(&world, "quarantined-rows").await;
    assert_eq!(of(&raised, one)["occurrences"], 2);
    assert_eq!(of(&raised, other)["occurrences"], 1);
    // What was reviewed before a resolution raises nothing after it.
    resolve(&world, &officer, "quarantined-rows").await;
    assert_eq!(run(&world).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_licence_that_lapses_while_its_holder_has_patients_is_found_with_what_they_read() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    let evidence = read(&world, &vera, &ada).await;
    // Walt has nobody in care.
    for provider in [&vera, &walt] {
        let withdrawal = json!({"is_verified": false, "reason": "Expired"});
        let verify = format!("/v1/providers/{}/verify", provider.id);
        let request = admin
            .request(http::Method::POST, &verify)
            .header("content-type", "application/json")
            .header("if-match", "*")
            .body(withdrawal.to_string().into())
            .unwrap();
        admin.send_request(request).await.expect(200);
    }
    let raised = alerts(&world, "lapsed-licence").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(vera.user));
    assert_eq!(raised[0]["evidence"], json!([evidence]));
    assert_eq!(raised[0]["score"], 60);
}

#[tokio::test]
async fn an_emergency_access_without_review_in_time_is_an_alert_about_its_clinician_until_it_is_reviewed()
 {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let id = granted(&vera, &kim).await;
    let evidence = read(&world, &vera, &kim).await;
    age_accesses(&world, "72 hours").await;
    run(&world).await;
    assert!(
        alerts(&world, "unreviewed-emergency").await.is_empty(),
        "it is only just due"
    );
    age_accesses(&world, "1 hour").await;
    run(&world).await;
    let raised = alerts(&world, "unreviewed-emergency").await;
    assert_eq!(raised.len(), 1);
    for (field, value) in [
        ("actor_id", json!(vera.user)),
        ("patient_id", json!(kim.id)),
        ("occasion", json!(id)),
    ] {
        assert_eq!(raised[0][field], value, "{field}");
    }
    // The search and the grant are evidence, too.
    assert_eq!(raised[0]["evidence"].as_array().unwrap().len(), 3);
    assert_eq!(raised[0]["evidence"][0], json!(evidence));
    // Whoever resolves the alert and doesn't review the access gets another one.
    resolve(&world, &officer, "unreviewed-emergency").await;
    run(&world).await;
    assert_eq!(alerts(&world, "unreviewed-emergency").await.len(), 1);
    wait(&world, "unreviewed-emergency", "1 hour").await;
    run(&world).await;
    assert_eq!(alerts(&world, "unreviewed-emergency").await.len(), 2);
    resolve(&world, &officer, "unreviewed-emergency").await;
    wait(&world, "unreviewed-emergency", "1 hour").await;
    officer
        .post(
            &format!("{PATH}/{id}/review"),
            json!({"review": "APPROVED"}),
        )
        .await
        .expect(200);
    run(&world).await;
    assert_eq!(alerts(&world, "unreviewed-emergency").await.len(), 2);
}

#[tokio::test]
async fn a_legal_hold_of_a_year_is_reviewed_by_resolving_its_alert_and_a_released_one_is_not() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let mut holds = Vec::new();
    for patient in [&ada, &ben] {
        let hold = json!({"patient_id": patient.id, "reason": "Case 7"});
        holds.push(admin.post("/v1/legal-holds", hold).await.expect(200).id());
    }
    let older = async |days: i32| {
        let older =
            format!("update legal_holds set placed_at = placed_at - interval '{days} days'");
        world.rewrite_history(&older).await;
    };
    older(364).await;
    run(&world).await;
    assert!(alerts(&world, "unreviewed-hold").await.is_empty());
    older(1).await;
    let release = format!("/v1/legal-holds/{}/release", holds[1]);
    admin
        .post(&release, json!({"reason": "Closed"}))
        .await
        .expect(200);
    run(&world).await;
    let raised = alerts(&world, "unreviewed-hold").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["patient_id"], json!(ada.id));
    assert_eq!(raised[0]["occasion"], json!(holds[0]));
    assert_eq!(raised[0]["evidence"].as_array().unwrap().len(), 1);
    // The next review is due a year after this one.
    resolve(&world, &officer, "unreviewed-hold").await;
    wait(&world, "unreviewed-hold", "364 days").await;
    run(&world).await;
    assert_eq!(alerts(&world, "unreviewed-hold").await.len(), 1);
    wait(&world, "unreviewed-hold", "1 day").await;
    run(&world).await;
    assert_eq!(alerts(&world, "unreviewed-hold").await.len(), 2);
}

#[tokio::test]
async fn a_disabled_rule_raises_nothing_and_only_the_job_raises() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    read(&world, &ada, &ada).await;
    let earlier = "update audit_logs set timestamp = timestamp - interval '31 minutes'";
    world.rewrite_history(earlier).await;
    let disable = "update alert_rules set is_enabled = false where name = 'unsealed-rows'";
    world.sql(disable, &[]).await;
    assert_eq!(run(&world).await, Vec::<Value>::new());
    for (login, code) in [("caretrail_people", "42501"), ("caretrail_jobs", "CT007")] {
        let connection = world.connect_as(login).await;
        let error = connection.query("select raise_due_alerts()", &[]).await;
        let error = error.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().code().code(), code, "{login}");
    }
}

#[tokio::test]
async fn an_activity_review_that_is_not_signed_in_time_is_an_alert_until_one_is_signed() {
    let world = World::new().await;
    let officer = world.officer().await;
    run(&world).await;
    assert!(alerts(&world, "overdue-review").await.is_empty());
    // Before the first review the time counts from the installation.
    let installed = "update alert_rules set created_at = created_at - interval '45 days'";
    world.rewrite_history(installed).await;
    run(&world).await;
    run(&world).await;
    let raised = alerts(&world, "overdue-review").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["occurrences"], 1);
    resolve(&world, &officer, "overdue-review").await;
    wait(&world, "overdue-review", "45 days").await;
    // A review that nobody signs changes nothing, and neither does an old one.
    let yesterday = &days_ago(1)[..10];
    let body = json!({"covered_from": yesterday, "covered_until": yesterday});
    let review = officer.post(REVIEWS, body).await.expect(201).id();
    let old = json!({"covered_from": "2026-01-01", "covered_until": "2026-01-31"});
    let old = officer.post(REVIEWS, old).await.expect(201).id();
    signed(&officer, old).await;
    run(&world).await;
    assert_eq!(alerts(&world, "overdue-review").await.len(), 2);
    resolve(&world, &officer, "overdue-review").await;
    wait(&world, "overdue-review", "45 days").await;
    signed(&officer, review).await;
    run(&world).await;
    assert_eq!(alerts(&world, "overdue-review").await.len(), 2);
}
