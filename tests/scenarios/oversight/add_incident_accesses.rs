//! `POST /v1/incidents/{id}/accesses`

use tests::audit::Expected;
use tests::prelude::*;

use super::{incident_path, read};

fn row(id: Uuid) -> Expected {
    audit("add-incident-accesses", "UPDATE", "INCIDENT").resource(id)
}

fn path(id: Uuid) -> String {
    format!("{}/accesses", incident_path(id))
}

/// The accesses of a user since yesterday.
fn lately(user: Uuid) -> Value {
    let (from, until) = (days_ago(1), days_ago(-1));
    json!({"user_id": user, "from": from, "until": until})
}

#[tokio::test]
async fn what_a_person_accessed_between_two_times_is_added_once() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let clerk = world.user("FRONT_DESK", "Fred").await;
    let (officer, other) = (world.officer().await, world.admin().await);
    for (caller, patient) in [(&clerk, &ada), (&clerk, &ben), (&other, &ada)] {
        read(&world, caller, patient).await;
    }
    // A refusal is no access.
    let refused = format!("/v1/medical-records?patient_id={}", ada.id);
    clerk.get(&refused).await.problem(403, "forbidden");
    let id = world.incident(&[]).await;

    let mut about_ada = lately(clerk.user);
    about_ada["patient_id"] = json!(ada.id);
    let added = officer.post(&path(id), about_ada.clone()).await.expect(200);
    assert_eq!(added.body["affected_count"], 1);
    let expected = row(id)
        .by(&officer)
        .detail("user_id", json!(clerk.user))
        .detail("from", about_ada["from"].clone())
        .detail("until", about_ada["until"].clone())
        .detail("patient_id", json!(ada.id));
    world.audited(&added, expected).await;

    for _ in 0..2 {
        let added = officer.post(&path(id), lately(clerk.user)).await;
        assert_eq!(added.expect(200).body["affected_count"], 2);
    }
    let stored = "select patient_id, user_id from incident_accesses order by accessed_at";
    let stored = world.rows(stored, &[]).await;
    let expected =
        [&ada, &ben].map(|patient| json!({"patient_id": patient.id, "user_id": clerk.user}));
    assert_eq!(stored, expected);
    // Before and after, there was nothing.
    let mut before = lately(clerk.user);
    before["from"] = json!(days_ago(300));
    before["until"] = json!(days_ago(1));
    let id = world.incident(&[]).await;
    let none = officer.post(&path(id), before).await.expect(200);
    assert_eq!(none.body["affected_count"], 0);
}

#[tokio::test]
async fn archived_months_are_found_by_their_index() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (clerk, officer) = (
        world.user("FRONT_DESK", "Fred").await,
        world.officer().await,
    );
    world
        .sql(
            "call add_partition('audit_archive_rows', 'audit_archive_rows_old', '2023-05-01', '2023-06-01')",
            &[],
        )
        .await;
    world
        .rewrite_history(&format!(
            "insert into audit_archive_rows (id, month, timestamp, user_id, patient_ids, action_type, resource_type, outcome,
               request_hash, part, block)
             select overlay(first_audit_id('2023-05-07T09:00Z')::text placing '7' from 15 for 1)::uuid, '2023-05-01',
               '2023-05-07T09:00Z', '{}', array['{}', '{}']::uuid[], 'SEARCH', 'APPOINTMENT', 'SUCCESS', 0, 0, 0",
            clerk.user, ada.id, ben.id
        ))
        .await;
    let id = world.incident(&[]).await;
    let then = json!({
        "user_id": clerk.user, "from": "2023-05-01T00:00:00Z", "until": "2023-06-01T00:00:00Z"
    });
    let added = officer.post(&path(id), then).await.expect(200);
    assert_eq!(added.body["affected_count"], 2);
}

#[tokio::test]
async fn wrong_times_other_roles_and_closed_incidents_are_refused() {
    let world = World::new().await;
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    let officer = world.officer().await;
    let id = world.incident(&[]).await;
    for (from, until) in [(days_ago(1), days_ago(2)), (days_ago(367), days_ago(0))] {
        let times = json!({"user_id": vera.user, "from": from, "until": until});
        let answer = officer.post(&path(id), times).await;
        answer.invalid("until");
    }
    let wanted = lately(vera.user);
    let mut denied = row(id).by(&admin).denied("forbidden");
    for field in ["user_id", "from", "until"] {
        denied = denied.detail(field, wanted[field].clone());
    }
    let its_path = path(id);
    let refused = admin.post(&its_path, wanted);
    world.refused(refused, 403, denied).await;
    let absent = officer.post(&path(Uuid::now_v7()), lately(vera.user)).await;
    absent.problem(404, "not-found");
    // One's own accesses
    let own = officer.post(&path(id), lately(officer.user)).await;
    own.problem(403, "forbidden");
    for step in [
        "update incidents set status = 'ASSESSED', decision = 'PERMITTED_USE', decision_reason = 'Cover', nature_level = 'LOW',
           nature = 'x', person_level = 'LOW', person = 'x', acquisition_level = 'LOW', acquisition = 'x',
           mitigation_level = 'LOW', mitigation = 'x'",
        "update incidents set status = 'CLOSED'",
    ] {
        world.sql(step, &[]).await;
    }
    let closed = officer.post(&path(id), lately(vera.user)).await;
    closed.problem(409, "conflict");
}
