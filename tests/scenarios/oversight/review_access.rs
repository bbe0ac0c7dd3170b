//! The schedule of `review-access`: what explains an access, and what its batches are.

use tests::audit::Expected;
use tests::prelude::*;

use super::{access, age, explanation, read, review};

fn row() -> Expected {
    audit("review-access", "PROCESS", "AUDIT_LOG").by_system()
}

#[tokio::test]
async fn each_access_is_explained_by_the_strongest_of_what_held_at_that_time() {
    let world = World::new().await;
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    let admin = world.admin().await;

    // Each has another reason. Whoever has a weaker one too is explained by the stronger.
    let own = world.patient("Ada").await;
    let child = world.patient("Ben").await;
    world.represent(own.user, &child, None).await;
    let assigned = world.patient("Cleo").await;
    world.assign(&assigned, &vera).await;
    world.note(&assigned, &vera, "Well.").await;
    let booked = world.patient("Dan").await;
    world.visit(&booked, &vera, &days_ago(3), "COMPLETED").await;
    let written = world.patient("Eve").await;
    world
        .visit(&written, &vera, &days_ago(300), "COMPLETED")
        .await;
    world.note(&written, &vera, "Well.").await;
    let covered = world.patient("Fay").await;
    world.grant(&covered, nora.user, "COVER", "9 days").await;
    let registered = world.patient("Gus").await;
    // A visit of long ago gives care, and explains nothing.
    let former = world.patient("Hal").await;
    world
        .visit(&former, &vera, &days_ago(300), "COMPLETED")
        .await;
    let prepared = world.patient("Jon").await;
    world
        .visit(&prepared, &vera, &days_ago(-9), "SCHEDULED")
        .await;
    age(&world).await;
    let newcomer = world.patient("Kim").await;

    for (caller, patient) in [
        (&*own, &own),
        (&*own, &child),
        (&*vera, &assigned),
        (&*vera, &booked),
        (&*vera, &written),
        (&nora, &covered),
        (&*vera, &former),
        (&admin, &registered),
        (&admin, &prepared),
        (&admin, &newcomer),
    ] {
        read(&world, caller, patient).await;
    }
    review(&world).await;
    for (caller, patient, expected) in [
        (&*own, &own, Some("OWN_CHART")),
        (&*own, &child, Some("REPRESENTATIVE")),
        (&*vera, &assigned, Some("ASSIGNMENT")),
        (&*vera, &booked, Some("VISIT")),
        (&*vera, &written, Some("AUTHOR")),
        (&nora, &covered, Some("GRANTED_CARE")),
        (&*vera, &former, None),
        (&admin, &registered, None),
        (&admin, &prepared, Some("OFFICE")),
        (&admin, &newcomer, Some("OFFICE")),
    ] {
        let found = explanation(&world, caller, patient).await;
        assert_eq!(
            found.as_deref(),
            expected,
            "{} of {}",
            caller.email,
            patient.email
        );
    }
}

#[tokio::test]
async fn care_that_began_after_an_access_does_not_explain_it_and_care_that_ended_since_does() {
    let world = World::new().await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    world.assign(&ada, &vera).await;
    world.visit(&ben, &walt, &days_ago(300), "COMPLETED").await;
    age(&world).await;
    read(&world, &vera, &ada).await;
    read(&world, &walt, &ben).await;
    let unassign = "update patients set assigned_providers = '{}' where id = $1";
    world.sql(unassign, &[&ada.id]).await;
    world.assign(&ben, &walt).await;
    review(&world).await;
    let found = explanation(&world, &vera, &ada).await;
    assert_eq!(found.as_deref(), Some("ASSIGNMENT"));
    assert_eq!(explanation(&world, &walt, &ben).await, None);
}

#[tokio::test]
async fn who_shares_patients_with_an_assigned_member_is_of_the_care_team() {
    let world = World::new().await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    world.assign(&ada, &vera).await;
    for provider in [&vera, &walt] {
        world.assign(&ben, provider).await;
    }
    world.visit(&ada, &walt, &days_ago(300), "COMPLETED").await;
    age(&world).await;
    read(&world, &walt, &ada).await;
    review(&world).await;
    let found = explanation(&world, &walt, &ada).await;
    assert_eq!(found.as_deref(), Some("CARE_TEAM"));
    assert!(world.rows("select id from alerts", &[]).await.is_empty());
}

#[tokio::test]
async fn each_row_is_reviewed_once_in_batches_that_are_recorded() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    for _ in 0..3 {
        read(&world, &ada, &ada).await;
    }
    let steps = review(&world).await;
    let sum = |note: &str| -> i64 {
        let notes = steps.iter().map(|step| step["details"][note].as_i64());
        notes.map(Option::unwrap).sum()
    };
    assert_eq!(
        (sum("accesses"), sum("unexplained"), sum("alerts")),
        (3, 0, 0)
    );
    for step in &steps {
        let rows = world
            .audit_of_request(step["request_id"].as_str().unwrap())
            .await;
        assert_eq!(rows.len(), 1);
        let mut expected = row();
        for (note, value) in step["details"].as_object().unwrap() {
            expected = expected.detail(note, value.clone());
        }
        assert_eq!(Expected::of(&rows[0]), expected);
    }
    assert_eq!(access(&world, &ada, &ada).await["accesses"], 3);

    // What functions did alone is left, so a run doesn't review the row of the run before for ever.
    let again = world
        .cloud
        .invoke("review-access", &super::schedule())
        .await;
    assert_eq!(again.unwrap()["steps"], json!([]));
    assert_eq!(access(&world, &ada, &ada).await["accesses"], 3);

    // A refusal, a failure and a search of everything are no access.
    officer
        .get(&format!("/v1/patients/{}", ada.id))
        .await
        .problem(403, "forbidden");
    world.admin().await.get("/v1/patients").await.expect(200);
    review(&world).await;
    assert_eq!(access(&world, &ada, &ada).await["accesses"], 3);
}

#[tokio::test]
async fn a_row_whose_transaction_commits_late_is_reviewed_all_the_same() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    // It has a number, and is still open while later rows are committed.
    let mut late = world.connect().await;
    let late = late.transaction().await.unwrap();
    late.query("select pg_current_xact_id()", &[])
        .await
        .unwrap();
    read(&world, &ada, &ada).await;
    let run = world
        .cloud
        .invoke("review-access", &super::schedule())
        .await;
    assert_eq!(
        run.unwrap()["steps"],
        json!([]),
        "rows after an open transaction wait"
    );
    late.commit().await.unwrap();
    review(&world).await;
    assert_eq!(access(&world, &ada, &ada).await["accesses"], 1);
}

#[tokio::test]
async fn after_a_restore_from_a_dump_only_new_rows_are_reviewed_although_transactions_are_counted_anew()
 {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    read(&world, &ada, &ada).await;
    review(&world).await;
    let ahead = "update access_review set xid = (xid::text::bigint + 1000000000)::text::xid8";
    world.sql(ahead, &[]).await;
    // The rows of the dump have their former numbers.
    let numbers = "update audit_logs set xid = '3'";
    world.rewrite_history(numbers).await;
    read(&world, &ada, &ada).await;
    // `review` can't tell by a number that is ahead whether the row was reviewed.
    eventually("the new row is reviewed", async || {
        review(&world).await;
        access(&world, &ada, &ada).await["accesses"] != 1
    })
    .await;
    assert_eq!(access(&world, &ada, &ada).await["accesses"], 2);
}

#[tokio::test]
async fn only_the_job_reviews() {
    let world = World::new().await;
    let connection = world.connect_as("caretrail_people").await;
    for statement in ["select review_access(1)", "select open_alerts()"] {
        let error = connection.query(statement, &[]).await.unwrap_err();
        assert_eq!(
            error.as_db_error().unwrap().code().code(),
            "42501",
            "{statement}"
        );
    }
    let connection = world.connect_as("caretrail_jobs").await;
    for statement in ["select review_access(1)", "select open_alerts()"] {
        let error = connection.query(statement, &[]).await.unwrap_err();
        assert_eq!(
            error.as_db_error().unwrap().code().code(),
            "CT007",
            "{statement}"
        );
    }
    for table in ["chart_accesses", "access_review"] {
        let error = connection
            .query(&format!("select from {table}"), &[])
            .await
            .unwrap_err();
        assert_eq!(
            error.as_db_error().unwrap().code().code(),
            "42501",
            "{table}"
        );
    }
}

#[tokio::test]
async fn the_log_says_how_many_alerts_nobody_has_seen() {
    let world = World::new().await;
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    for expected in [1, 0] {
        if expected == 1 {
            world.alert(vera.user, None).await;
        } else {
            let id = world.row("select id from alerts", &[]).await;
            let path = format!("/v1/alerts/{}", id["id"].as_str().unwrap());
            let seen = json!({"status": "ACKNOWLEDGED"});
            officer.patch(&path, 1, seen).await.expect(200);
        }
        let run = world
            .cloud
            .invoke("review-access", &super::schedule())
            .await;
        run.unwrap();
        eventually("the log says it", async || {
            let lines = world.cloud.logs("review-access").lines();
            let line = lines
                .iter()
                .rfind(|line| line.contains("accesses reviewed"));
            let line: Value = serde_json::from_str(line.map_or("null", String::as_str)).unwrap();
            line["alerts"] == expected
        })
        .await;
    }
}
