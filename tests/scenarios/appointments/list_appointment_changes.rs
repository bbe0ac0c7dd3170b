//! `GET /v1/appointments/{id}/changes`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-appointment-changes", "READ", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}/changes")
}

/// Returns for each change: author, old and new time, old and new status, and reason.
fn story(answer: &Answer) -> Vec<Value> {
    let fields = [
        "changed_by",
        "old_scheduled_at",
        "new_scheduled_at",
        "old_status",
        "new_status",
        "is_archived",
        "reason",
    ];
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| fields.iter().map(|field| item[field].clone()).collect())
        .collect()
}

#[tokio::test]
async fn changes_are_listed_newest_first_with_author_and_reason() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (walt, admin) = (world.provider("Walt").await, world.admin().await);
    world.assign(&ada, &walt).await;
    let body = json!({
        "patient_id": ada.id, "provider_id": vera.id,
        "scheduled_at": "2030-01-07T09:00:00Z", "duration_minutes": 30
    });
    let id = ada.post("/v1/appointments", body).await.expect(201).id();
    let visit = format!("/v1/appointments/{id}");
    let moved = json!({
        "scheduled_at": "2030-01-08T10:00:00Z", "duration_minutes": 45, "reason": "Another day"
    });
    vera.patch(&visit, 1, moved).await.expect(200);
    // This changes neither time nor status, so it isn't in the history.
    vera.patch(&visit, 2, json!({"notes": "Bring results"}))
        .await
        .expect(200);
    let why = json!({"reason": "Well again"});
    ada.post(&format!("{visit}/cancel"), why).await.expect(200);

    let (seventh, eighth) = ("2030-01-07T09:00:00Z", "2030-01-08T10:00:00Z");
    let expected = [
        json!([
            ada.user,
            eighth,
            eighth,
            "SCHEDULED",
            "CANCELLED",
            false,
            "Well again"
        ]),
        json!([
            vera.user,
            seventh,
            eighth,
            "SCHEDULED",
            "SCHEDULED",
            false,
            "Another day"
        ]),
        json!([ada.user, null, seventh, null, "SCHEDULED", false, null]),
    ];
    for caller in [&*ada, &*vera, &*walt, &admin] {
        let answer = caller.get(&path(id)).await.expect(200);
        assert_eq!(story(&answer), expected, "{}", caller.email);
        assert_eq!(answer.body["items"][1]["old_duration_minutes"], 30);
        assert_eq!(answer.body["items"][1]["new_duration_minutes"], 45);
        assert_eq!(answer.body["items"][0]["appointment_id"], json!(id));
        assert_eq!(answer.body["items"][0].get("id"), None);
        world
            .audited(&answer, row().by(caller).resource(id).patient(ada.id))
            .await;
    }
    // Read the history a page at a time.
    let first = ada.get(&format!("{}?limit=2", path(id))).await.expect(200);
    assert_eq!(story(&first), expected[..2]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = ada
        .get(&format!("{}?limit=2&cursor={cursor}", path(id)))
        .await
        .expect(200);
    assert_eq!(story(&rest), expected[2..]);
    assert_eq!(rest.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_new_visit_has_its_booking_in_the_history() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let answer = ada.get(&path(id)).await.expect(200);
    let booked = json!([
        null,
        null,
        "2020-01-07T09:00:00Z",
        null,
        "COMPLETED",
        false,
        null
    ]);
    assert_eq!(story(&answer), [booked]);
    world
        .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn the_history_of_an_archived_visit_is_shown_only_to_callers_who_may_archive() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "CANCELLED")
        .await;
    let visit = format!("/v1/appointments/{id}");
    admin.delete(&visit, 1).await.expect(200);
    let asked = format!("{}?include_archived=true", path(id));
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        let denied = denied.denied("not-found");
        world.refused(caller.get(&asked), 404, denied).await;
    }
    admin.get(&path(id)).await.problem(404, "not-found");
    let answer = admin.get(&asked).await.expect(200);
    let at = "2020-01-07T09:00:00Z";
    assert_eq!(
        story(&answer),
        [
            json!([admin.user, at, at, "CANCELLED", "CANCELLED", true, null]),
            json!([null, null, at, null, "CANCELLED", false, null])
        ]
    );
    world
        .audited(&answer, row().by(&admin).resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn another_patients_visit_gets_404() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (ben, walt) = (world.patient("Ben").await, world.provider("Walt").await);
    let officer = world.officer().await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    for caller in [&*ben, &*walt] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| caller.get(&path(id)).await)
            .await;
    }
    let denied = row().by(&officer).resource(id).patient(ada.id);
    let denied = denied.denied("forbidden");
    world.refused(officer.get(&path(id)), 403, denied).await;
}

#[tokio::test]
async fn a_cursor_of_another_list_is_named() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    world
        .visit(&ada, &vera, "2030-01-08T09:00Z", "SCHEDULED")
        .await;
    let other = ada.get("/v1/appointments?limit=1").await.expect(200);
    let other = other.body["next_cursor"].as_str().unwrap();
    let path = format!("{}?cursor={other}", path(id));
    world
        .invalid(ada.get(&path), "cursor", row().by(&ada))
        .await;
}
