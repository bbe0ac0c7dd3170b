//! Schedule, every minute: `build-exports`

use std::collections::BTreeSet;

use tests::prelude::*;

use super::exports::{build, downloaded, export_path, hold, requested_by, step_of, text};

#[tokio::test]
async fn a_patient_downloads_all_their_data_and_each_page_was_audited_before_it_left() {
    let world = World::new().await;
    world.set_clinic_contact().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    let visit = world
        .visit(&ada, &vera, "2030-01-07T09:00:00Z", "SCHEDULED")
        .await;
    let mut notes = BTreeSet::new();
    for number in 0..120 {
        notes.insert(
            world
                .note(&ada, &vera, &format!("Note number {number}"))
                .await,
        );
    }
    world.note(&ben, &vera, "Somebody else's").await;
    let file = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let id = requested_by(&ada, &ada).await;

    let report = build(&world).await.unwrap();

    let export = ada.get(&export_path(id, "")).await.expect(200);
    assert_eq!(export.body["status"], "READY");
    assert_eq!(export.body["contents"]["NOTE"], 120);
    assert_eq!(export.body["contents"]["VISIT"], 1);
    assert_eq!(export.body["contents"]["FILE"], 1);
    assert_eq!(export.body["entries_done"], 122);
    let members = downloaded(&ada, id).await;
    let bundle: Value = serde_json::from_slice(&members["fhir-bundle.json"]).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    let named: BTreeSet<_> = entries
        .iter()
        .filter_map(|entry| entry["resource"]["id"].as_str())
        .collect();
    for id in notes.iter().chain([&visit, &ada.id, &vera.id, &file]) {
        assert!(named.contains(id.to_string().as_str()), "{id}");
    }
    let summary = text(&members, "summary.html");
    assert!(summary.contains("Note number 0") && summary.contains("Note number 119"));
    assert!(!summary.contains("Somebody else"));
    assert!(members.values().any(|bytes| bytes == files::PDF));
    assert!(members.contains_key("manifest.json") && members.contains_key("README.txt"));

    // Each note is in an audit row of the job.
    let rows = world.audit_of_invocation(report["request_id"].as_str().unwrap_or_default());
    let mut audited = BTreeSet::new();
    for row in world.audit_log().await.iter().chain(&rows.await) {
        if row.entry.application == "build-exports" {
            let ids = row.entry.details.get("records").and_then(Value::as_array);
            let ids = ids.into_iter().flatten().filter_map(Value::as_str);
            audited.extend(ids.filter_map(|id| id.parse::<Uuid>().ok()));
        }
    }
    assert_eq!(audited, notes);
}

#[tokio::test]
async fn a_held_entry_is_left_out_only_on_a_ground_of_the_law_and_the_package_says_so() {
    let world = World::new().await;
    world.set_clinic_contact().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let mut held = Vec::new();
    for (text, reason) in [
        ("It would do harm.", "harm_prevention"),
        ("It is about somebody else.", "privacy"),
        ("She asked to wait.", "patient_request"),
    ] {
        let note = world.note(&ada, &vera, text).await;
        hold(&vera, note, reason).await;
        held.push(note);
    }
    let id = requested_by(&ada, &ada).await;
    build(&world).await.unwrap();

    let export = ada.get(&export_path(id, "")).await.expect(200);
    let exclusions = json!([
        {"ground": "ENDANGERS_LIFE", "is_reviewable": true, "entries": 1},
        {"ground": "HARMS_ANOTHER_PERSON", "is_reviewable": true, "entries": 1},
    ]);
    assert_eq!(export.body["exclusions"], exclusions);
    let members = downloaded(&ada, id).await;
    let all = text(&members, "summary.html") + &text(&members, "fhir-bundle.json");
    assert!(!all.contains("It would do harm.") && !all.contains("somebody else."));
    assert!(all.contains("She asked to wait."));
    assert!(text(&members, "summary.html").contains("left out"));
    // Which entries they are is not said.
    for note in &held[..2] {
        assert!(!all.contains(&note.to_string()) && !export.text.contains(&note.to_string()));
    }
}

#[tokio::test]
async fn an_entry_that_another_law_withholds_waits_for_a_decision() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Sealed by a court.").await;
    hold(&vera, note, "law").await;
    let id = requested_by(&ada, &ada).await;

    build(&world).await.unwrap();
    let waiting = ada.get(&export_path(id, "")).await.expect(200);
    assert_eq!(waiting.body["status"], "REQUESTED");

    let denial = json!({
        "ground": "LEGAL_PROCEEDING", "basis": "A court sealed it.", "record_ids": [note]
    });
    let denied = vera
        .post(&export_path(id, "/deny"), denial)
        .await
        .expect(200);
    let row = step_of("deny-export", &vera, id, &ada);
    world
        .audited(
            &denied,
            row.detail("ground", "LEGAL_PROCEEDING")
                .detail("record_ids", json!([note])),
        )
        .await;
    build(&world).await.unwrap();
    let members = downloaded(&ada, id).await;
    assert!(!text(&members, "summary.html").contains("Sealed by a court."));
}

#[tokio::test]
async fn an_attempt_that_breaks_off_is_begun_anew_and_leaves_one_package() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    world.note(&ada, &vera, "Well.").await;
    let id = requested_by(&ada, &ada).await;
    // As if a run had ended in the middle, with its lease still running.
    world
        .rewrite_history(
            "update exports set status = 'BUILDING', attempts = 1, entries_total = 1,
               lease_until = now() + interval '10 minutes'",
        )
        .await;
    build(&world).await.unwrap();
    let row = world
        .row("select * from exports where id = $1", &[&id])
        .await;
    assert_eq!(
        (&row["status"], &row["attempts"]),
        (&json!("BUILDING"), &json!(1))
    );

    world
        .rewrite_history("update exports set lease_until = now() - interval '1 second'")
        .await;
    build(&world).await.unwrap();
    let row = world
        .row("select * from exports where id = $1", &[&id])
        .await;
    assert_eq!(
        (&row["status"], &row["attempts"]),
        (&json!("READY"), &json!(2))
    );
    assert!(text(&downloaded(&ada, id).await, "summary.html").contains("Well."));
    // A late end of the former attempt changes nothing.
    build(&world).await.unwrap();
    let after = world
        .row("select * from exports where id = $1", &[&id])
        .await;
    assert_eq!(after, row);
}

#[tokio::test]
async fn amendments_travel_with_their_entries() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Smokes.").await;
    world.disputed_amendment(note).await;
    let id = requested_by(&ada, &ada).await;
    build(&world).await.unwrap();
    let members = downloaded(&ada, id).await;
    let summary = text(&members, "summary.html");
    for said in ["I have never smoked.", "It was asked twice.", "I disagree."] {
        assert!(summary.contains(said), "{said}");
    }
}
