//! When the notices of an incident are due (45 CFR 164.404 to 164.412), and what becomes of those that are late.

use tests::prelude::*;

use super::{alerts, breach, clinic_day, incident_path, review};

/// Adds this number of affected patients who live in this state.
async fn affect(world: &World, id: Uuid, count: i32, state: Option<&str>) {
    let add = "insert into incident_patients (incident_id, patient_id) select $1, gen_random_uuid() from generate_series(1, $2)";
    world.sql(add, &[&id, &count]).await;
    let live =
        "update incident_patients set residence = $2 where incident_id = $1 and residence is null";
    world.sql(live, &[&id, &state]).await;
}

async fn discovered(world: &World, id: Uuid, day: &str) {
    let discover = "update incidents set discovered_on = $2::text::date where id = $1";
    world.sql(discover, &[&id, &day]).await;
}

/// The due dates of patients, HHS and media.
async fn due(world: &World, id: Uuid) -> [Value; 3] {
    let stored = world.stored_incident(id).await;
    ["patients_by", "hhs_by", "media_by"].map(|step| stored[step].clone())
}

#[tokio::test]
async fn patients_are_notified_within_sixty_days_and_hhs_after_the_end_of_the_year() {
    let world = World::new().await;
    let id = world.incident(&[]).await;
    affect(&world, id, 499, Some("OH")).await;
    for (day, patients, hhs) in [
        ("2025-01-01", "2025-03-02", "2026-03-01"),
        ("2025-12-31", "2026-03-01", "2026-03-01"),
        // 2024 has a 29 February, and so the 60 days after 2023 end on it.
        ("2023-12-31", "2024-02-29", "2024-02-29"),
        ("2024-01-01", "2024-03-01", "2025-03-01"),
    ] {
        discovered(&world, id, day).await;
        let expected = [json!(patients), json!(hhs), Value::Null];
        assert_eq!(due(&world, id).await, expected, "{day}");
    }
}

#[tokio::test]
async fn from_500_patients_on_hhs_is_notified_with_them_and_beyond_500_of_a_state_its_media() {
    let world = World::new().await;
    let id = world.incident(&[]).await;
    discovered(&world, id, "2025-01-01").await;
    affect(&world, id, 500, Some("OH")).await;
    let day = json!("2025-03-02");
    assert_eq!(
        due(&world, id).await,
        [day.clone(), day.clone(), Value::Null]
    );
    // Many of another state, or of no known one, don't count for Ohio.
    affect(&world, id, 300, Some("KY")).await;
    affect(&world, id, 1, None).await;
    assert_eq!(due(&world, id).await[2], Value::Null);
    affect(&world, id, 1, Some("OH")).await;
    // The one without a state became one of Ohio, too: `affect` gives all of them a state.
    assert_eq!(due(&world, id).await, [day.clone(), day.clone(), day]);
    let stored = world.stored_incident(id).await;
    assert_eq!(stored["media_in"], json!(["OH"]));
    // Excluded patients don't count.
    let exclude = "update incident_patients set is_excluded = true, reason = 'A visit'
                   where (incident_id, patient_id) in (
                     select incident_id, patient_id from incident_patients where residence = 'OH' limit 2
                   )";
    world.sql(exclude, &[]).await;
    assert_eq!(due(&world, id).await[2], Value::Null);
}

#[tokio::test]
async fn an_incident_with_many_patients_is_closed_by_notices_to_all_to_hhs_and_to_the_media() {
    let world = World::new().await;
    let officer = world.officer().await;
    let id = world.incident(&[]).await;
    affect(&world, id, 501, Some("OH")).await;
    let path = incident_path(id);
    officer.patch(&path, 1, breach()).await.expect(200);
    let notifying = officer
        .patch(&path, 2, json!({"status": "NOTIFYING"}))
        .await;
    let notifying = notifying.expect(200);
    assert_eq!(notifying.body["media_jurisdictions"], json!(["OH"]));
    let today = clinic_day(&world, 0).await;
    let mut statuses = Vec::new();
    for notice in [
        json!({"recipient": "HHS", "means": "WEB_PORTAL"}),
        json!({"recipient": "PATIENT", "means": "FIRST_CLASS_MAIL"}),
        json!({"recipient": "MEDIA", "jurisdiction": "KY", "means": "PRESS_RELEASE"}),
        json!({"recipient": "MEDIA", "jurisdiction": "oh", "means": "PRESS_RELEASE"}),
    ] {
        let notice = super::merged(notice, json!({"sent_on": today}));
        let answer = officer.post(&format!("{path}/notices"), notice).await;
        statuses.push(answer.expect(200).body["status"].clone());
    }
    assert_eq!(
        statuses,
        ["NOTIFYING", "NOTIFYING", "NOTIFYING", "CLOSED"].map(Value::from)
    );
}

#[tokio::test]
async fn a_delay_for_law_enforcement_moves_what_would_be_due_earlier() {
    let world = World::new().await;
    let id = world.incident(&[]).await;
    affect(&world, id, 501, Some("OH")).await;
    discovered(&world, id, "2025-01-01").await;
    let delay = "update incidents set delay_statement = 'WRITTEN', delay_stated_on = '2025-01-05',
                   delay_official = 'Agent Sample', delayed_until = $2::text::date where id = $1";
    for (until, expected) in [
        ("2025-02-01", "2025-03-02"),
        ("2025-03-01", "2025-03-02"),
        ("2025-03-02", "2025-03-03"),
        ("2025-06-30", "2025-07-01"),
    ] {
        world.sql(delay, &[&id, &until]).await;
        let expected = [expected; 3].map(Value::from);
        assert_eq!(due(&world, id).await, expected, "{until}");
    }
}

#[tokio::test]
async fn a_step_that_is_overdue_raises_an_alert_once_a_day_until_it_is_done() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let late = world.breach(&[ada.id]).await;
    let undecided = world.incident(&[ada.id]).await;
    let in_time = world.incident(&[ada.id]).await;
    // Without triggers, because the discovery is fixed after the decision.
    let age = async |id: Uuid, days: i32| {
        world
            .rewrite_history(&format!(
                "update incidents set discovered_on = clinic_day(now()) - {days} where id = '{id}'"
            ))
            .await;
    };
    age(late, 61).await;
    age(undecided, 62).await;
    age(in_time, 60).await;
    // A decision not to notify has no date.
    let harmless = world.incident(&[ada.id]).await;
    let patch = super::merged(
        super::factors(),
        json!({"status": "ASSESSED", "decision": "LOW_PROBABILITY", "decision_reason": "No name."}),
    );
    officer
        .patch(&incident_path(harmless), 1, patch)
        .await
        .expect(200);
    age(harmless, 99).await;

    let overdue = async || {
        let mut found: Vec<_> = alerts(&world, "incident-overdue")
            .await
            .iter()
            .map(|alert| {
                assert_eq!(alert["actor_id"], Value::Null);
                assert_eq!(alert["score"], 90);
                (alert["occasion"].clone(), alert["occurrences"].clone())
            })
            .collect();
        found.sort_by_key(|(id, _)| id.to_string());
        found
    };
    let each = |times: i32| {
        let mut each = vec![
            (json!(late), json!(times)),
            (json!(undecided), json!(times)),
        ];
        each.sort_by_key(|(id, _)| id.to_string());
        each
    };
    review(&world).await;
    assert_eq!(overdue().await, each(1));
    // Nobody else did anything, and the same day brings no second one.
    let run = world
        .cloud
        .invoke("review-access", &super::schedule())
        .await
        .unwrap();
    assert_eq!(run["steps"], json!([]));
    assert_eq!(overdue().await, each(1));
    // The next day does, also without any row of a person.
    world
        .rewrite_history("update alerts set last_at = last_at - interval '1 day'")
        .await;
    let run = world
        .cloud
        .invoke("review-access", &super::schedule())
        .await
        .unwrap();
    assert_eq!(run["steps"][0]["details"]["alerts"], 2);
    assert_eq!(overdue().await, each(2));

    // What is done isn't overdue, and neither is what a disabled rule would find.
    let path = format!("{}/notices", incident_path(late));
    let today = clinic_day(&world, 0).await;
    let notice = json!({"recipient": "PATIENT", "means": "EMAIL", "sent_on": today});
    let done = officer.post(&path, notice).await.expect(200);
    assert_eq!(done.body["is_overdue"], false);
    world
        .rewrite_history("update alerts set last_at = last_at - interval '1 day'")
        .await;
    let disable = "update alert_rules set is_enabled = false where name = 'incident-overdue'";
    world.sql(disable, &[]).await;
    review(&world).await;
    assert_eq!(overdue().await, each(2));
    let enable = "update alert_rules set is_enabled = true where name = 'incident-overdue'";
    world.sql(enable, &[]).await;
    super::read(&world, &ada, &ada).await;
    review(&world).await;
    let counted: Vec<_> = overdue()
        .await
        .into_iter()
        .filter(|(_, times)| *times == 3)
        .collect();
    assert_eq!(counted, [(json!(undecided), json!(3))]);
}
