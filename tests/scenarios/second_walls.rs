//! The database keeps the rules of the functions. A caller who gets past a function, with a ticket of their own and any
//! SQL, changes no more than through the API.

use tests::database::{JOBS, PEOPLE};
use tests::prelude::*;
use tests::ticket::{begin_job, begin_request};

/// Runs the statement on the row as this person, in a transaction of their own. Returns the SQLSTATE of a refusal.
async fn attempt(
    world: &World,
    caller: &Actor,
    permission: &str,
    statement: &str,
    row: Uuid,
) -> Option<String> {
    let app = world.connect_as(PEOPLE).await;
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, caller, permission).await.unwrap();
    let refused = match app.execute(statement, &[&row]).await {
        Ok(changed) => (changed == 0).then(|| "no row".to_owned()),
        Err(error) => Some(error.code().unwrap().code().to_owned()),
    };
    app.batch_execute("rollback").await.unwrap();
    refused
}

const DENIED: Option<&str> = Some("42501");

#[tokio::test]
async fn only_functions_without_a_caller_say_what_became_of_an_upload() {
    // Given a file that waits for its upload
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;

    // When its owner sets a state past the functions, then PostgreSQL refuses each column of it
    for column in [
        "status = 'AVAILABLE', inspected_at = now(), upload_date = now()",
        "status = 'EXPIRED'",
        "scan = 'CLEAN'",
        "inspected_at = now()",
        "upload_date = now()",
        "object_version = 'another'",
        "tagged_at = now()",
        "status_reason = 'none'",
        "file_size = 1",
        "sha256 = sha256('another')",
        "file_path = 'files/another'",
    ] {
        let statement = format!("update file_metadata set {column} where id = $1");
        let refused = attempt(&world, &ada, "files:write", &statement, id).await;
        assert_eq!(refused.as_deref(), DENIED, "{column}");
    }
    let announced = "
        insert into file_metadata
          (id, owner_id, owner_type, patient_id, bucket, file_path, original_name, file_type, file_size, sha256,
           expires_at, uploaded_by, status, inspected_at, upload_date)
        select gen_random_uuid(), owner_id, owner_type, patient_id, bucket, file_path || 'x', original_name,
          file_type, file_size, sha256, expires_at, uploaded_by, 'AVAILABLE', now(), now()
        from file_metadata where id = $1";
    let refused = attempt(&world, &ada, "files:write", announced, id).await;
    assert_eq!(refused.as_deref(), DENIED, "announced as available");
    let renamed = "update file_metadata set original_name = 'b.pdf' where id = $1";
    assert_eq!(
        attempt(&world, &ada, "files:write", renamed, id).await,
        None
    );

    // And a function without a caller can neither rename nor announce it
    let jobs = world.connect_as(JOBS).await;
    jobs.batch_execute("begin").await.unwrap();
    begin_job(&jobs, "files:process").await.unwrap();
    let expired = "update file_metadata set status = 'EXPIRED' where id = $1";
    assert_eq!(jobs.execute(expired, &[&id]).await.unwrap(), 1);
    let refused = jobs.execute(renamed, &[&id]).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
}

#[tokio::test]
async fn a_visit_changes_only_as_its_functions_change_it() {
    // Given visits of Ada with Vera: one to come, one that began and one that is completed
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (desk, nurse) = (
        world.user("FRONT_DESK", "Flora").await,
        world.user("NURSE", "Nora").await,
    );
    let to_come = world
        .visit(&ada, &vera, "2030-01-07T09:00:00Z", "SCHEDULED")
        .await;
    let begun = world
        .visit(&ada, &vera, "2024-01-08T09:00:00Z", "SCHEDULED")
        .await;
    let completed = world
        .visit(&ada, &vera, "2024-01-09T09:00:00Z", "COMPLETED")
        .await;
    let missed = world
        .visit(&ada, &vera, "2024-01-10T09:00:00Z", "NO_SHOW")
        .await;
    let (book, rate) = ("appointments:write", "appointments:rate");
    let (complete, attend) = ("appointments:complete", "appointments:attendance");

    let rated = "rating = 5, rated_at = now()";
    let (done, absent, arrived) = (
        "status = 'COMPLETED'",
        "status = 'NO_SHOW'",
        "status = 'CHECKED_IN'",
    );
    // When each changes a visit past the functions, then only what the functions would do succeeds
    for (who, caller, permission, visit, change, allowed) in [
        ("a patient completes", &*ada, book, begun, done, false),
        (
            "a patient completes to come",
            &ada,
            book,
            to_come,
            done,
            false,
        ),
        ("a patient checks in", &ada, book, begun, arrived, false),
        ("a patient was absent", &ada, book, begun, absent, false),
        (
            "a patient books again",
            &ada,
            book,
            missed,
            "status = 'SCHEDULED'",
            false,
        ),
        (
            "a patient archives",
            &ada,
            book,
            completed,
            "is_archived = true, archived_at = now()",
            false,
        ),
        (
            "a patient cancels",
            &ada,
            book,
            to_come,
            "status = 'CANCELLED'",
            true,
        ),
        ("a patient rates", &ada, rate, completed, rated, true),
        ("a patient rates to come", &ada, rate, to_come, rated, false),
        ("a provider rates", &vera, complete, completed, rated, false),
        (
            "a provider completes to come",
            &vera,
            complete,
            to_come,
            done,
            false,
        ),
        ("a provider completes", &vera, complete, begun, done, true),
        (
            "a provider completes a missed one",
            &vera,
            complete,
            missed,
            done,
            false,
        ),
        (
            "a provider reopens",
            &vera,
            complete,
            completed,
            "status = 'SCHEDULED'",
            false,
        ),
        ("the desk completes", &desk, attend, begun, done, false),
        (
            "the desk checks in too early",
            &desk,
            attend,
            to_come,
            arrived,
            false,
        ),
        ("the desk checks in", &desk, attend, begun, arrived, true),
        (
            "the desk marks a visit to come",
            &desk,
            attend,
            to_come,
            absent,
            false,
        ),
        ("the desk marks", &desk, attend, begun, absent, true),
        (
            "the desk archives",
            &desk,
            book,
            completed,
            "is_archived = true, archived_at = now()",
            false,
        ),
        (
            "a nurse without care checks in",
            &nurse,
            attend,
            begun,
            arrived,
            false,
        ),
    ] {
        let statement = format!("update appointments set {change} where id = $1");
        let refused = attempt(&world, caller, permission, &statement, visit).await;
        assert_eq!(refused.is_none(), allowed, "{who}: {refused:?}");
    }
}

#[tokio::test]
async fn a_list_names_the_persons_it_is_filtered_by() {
    // Given a provider who has nobody in care
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let admin = world.admin().await;
    for (caller, path, name, person) in [
        (&*vera, "/v1/patients", "user_id", ada.user),
        (&vera, "/v1/files", "owner_id", ada.user),
        (&vera, "/v1/files", "patient_id", ada.id),
        (&vera, "/v1/appointments", "patient_id", ada.id),
        (&vera, "/v1/medical-records", "patient_id", ada.id),
        (&ada, "/v1/appointments", "provider_id", vera.id),
        (&admin, "/v1/patients", "provider_id", vera.id),
        (&officer, "/v1/audit-logs", "patient_id", ada.id),
        (&officer, "/v1/audit-logs", "user_id", ada.user),
    ] {
        // When a list is filtered by a person
        let answer = caller.get(&format!("{path}?{name}={person}")).await;
        let answer = answer.expect(200);

        // Then its audit row names them, although the answer has nothing about them
        if path != "/v1/audit-logs" {
            assert_eq!(answer.body["items"], json!([]), "{path}?{name}");
        }
        let entry = &world.audit_of(&answer).await[0].entry;
        let noted = entry.details.get(&format!("filtered_{name}"));
        let concerned = entry.patient_id().map(Uuid::from);
        assert!(
            noted == Some(&json!(person)) || concerned == Some(person),
            "{path}?{name}: {entry:?}"
        );
    }
}
