//! `PATCH /v1/incidents/{id}`

use tests::audit::Expected;
use tests::prelude::*;

use super::{breach, clinic_day, factors, incident_path, merged};

/// The decisions after which nobody is notified.
const NOT_TO_NOTIFY: [&str; 6] = [
    "LOW_PROBABILITY",
    "UNINTENTIONAL_ACCESS",
    "INADVERTENT_DISCLOSURE",
    "NOT_RETAINED",
    "SECURED_DATA",
    "PERMITTED_USE",
];

fn row(id: Uuid) -> Expected {
    audit("update-incident", "UPDATE", "INCIDENT").resource(id)
}

fn status(status: &str) -> Value {
    json!({"status": status})
}

fn decision(decision: &str) -> Value {
    json!({"status": "ASSESSED", "decision": decision, "decision_reason": "The factors say so."})
}

#[tokio::test]
async fn a_breach_goes_from_its_assessment_to_its_notices() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = world.incident(&[ada.id]).await;
    let path = incident_path(id);
    let assessed = officer.patch(&path, 1, factors()).await.expect(200);
    for (field, value) in factors().as_object().unwrap() {
        assert_eq!(assessed.body[field], *value, "{field}");
    }
    let fields: Vec<_> = factors().as_object().unwrap().keys().cloned().collect();
    let expected = row(id).by(&officer).detail("fields", json!(fields));
    world
        .audited(&assessed, expected.detail("status", "OPEN"))
        .await;

    let decided = officer.patch(&path, 2, breach()).await.expect(200);
    assert_eq!(decided.body["status"], "ASSESSED");
    assert_eq!(decided.body["decided_by"], json!(officer.user));
    assert!(decided.body["decided_at"].is_string());
    // The audit row has no text.
    let expected = row(id)
        .by(&officer)
        .detail("fields", json!(["decision", "decision_reason", "status"]))
        .detail("status", "ASSESSED")
        .detail("decision", "BREACH");
    world.audited(&decided, expected).await;
    // It is taken back, and decided anew.
    let open = officer.patch(&path, 3, status("OPEN")).await.expect(200);
    assert_eq!(open.body["decided_at"], Value::Null);
    officer
        .patch(&path, 4, status("ASSESSED"))
        .await
        .expect(200);
    let notifying = officer.patch(&path, 5, status("NOTIFYING")).await;
    assert_eq!(notifying.expect(200).body["status"], "NOTIFYING");
    // Only the last notice closes it.
    let closed = officer.patch(&path, 6, status("CLOSED")).await;
    closed.problem(409, "conflict");

    let events = "select data -> 'status' as status, data -> 'former_status' as former, data -> 'changed' as changed
                  from business_events where subject = 'incidents/' || $1::text order by sequence";
    let events = world.rows(events, &[&id.to_string()]).await;
    let steps: Vec<_> = events
        .iter()
        .map(|event| (event["status"].clone(), event["former"].clone()))
        .collect();
    let expected = [
        (json!("OPEN"), Value::Null),
        (json!("OPEN"), Value::Null),
        (json!("ASSESSED"), json!("OPEN")),
        (json!("OPEN"), json!("ASSESSED")),
        (json!("ASSESSED"), json!("OPEN")),
        (json!("NOTIFYING"), json!("ASSESSED")),
    ];
    assert_eq!(steps, expected);
    assert_eq!(
        events[2]["changed"],
        json!(["decision", "decision_reason", "status"])
    );
    world.every_event_fits().await;
}

#[tokio::test]
async fn a_breach_is_presumed_unless_all_four_factors_are_assessed() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    for name in NOT_TO_NOTIFY {
        let id = world.incident(&[ada.id]).await;
        let path = incident_path(id);
        for missing in ["nature", "person", "acquisition", "mitigation"] {
            let mut patch = merged(factors(), decision(name));
            patch[missing] = Value::Null;
            patch[format!("{missing}_level")] = Value::Null;
            let answer = officer.patch(&path, 1, patch).await;
            answer.invalid("decision");
        }
        let patch = merged(factors(), decision(name));
        officer.patch(&path, 1, patch).await.expect(200);
        let closed = officer.patch(&path, 2, status("CLOSED")).await.expect(200);
        assert_eq!(closed.body["status"], "CLOSED");
        assert_eq!(closed.body["closed_by"], json!(officer.user));
        assert_eq!(closed.body["patients_due_on"], Value::Null);
        assert_eq!(closed.body["is_overdue"], false);
        let late = officer.patch(&path, 3, json!({"summary": "Late"})).await;
        late.problem(409, "conflict");
    }
    // The database says the same to everybody.
    let connection = world.connect().await;
    let forced = "insert into incidents (id, summary, decision, decision_reason)
                  values (gen_random_uuid(), 'x', 'LOW_PROBABILITY', 'x')";
    let error = connection.batch_execute(forced).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.constraint(), Some("incidents_breach_presumed"));
}

#[tokio::test]
async fn no_step_is_left_out_and_none_is_taken_back_after_the_notices_began() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let open = world.incident(&[ada.id]).await;
    for target in ["NOTIFYING", "CLOSED"] {
        let patch = merged(breach(), status(target));
        let answer = officer.patch(&incident_path(open), 1, patch).await;
        answer.problem(409, "conflict");
    }
    let undecided = officer
        .patch(&incident_path(open), 1, status("ASSESSED"))
        .await;
    undecided.invalid("decision");

    let assessed = world.incident(&[ada.id]).await;
    let path = incident_path(assessed);
    officer.patch(&path, 1, breach()).await.expect(200);
    for (patch, refusal) in [
        // A breach isn't closed without notices.
        (status("CLOSED"), "conflict"),
        // What was decided stays until the incident is open again.
        (json!({"decision_reason": "Another"}), "conflict"),
        (
            json!({"discovered_on": clinic_day(&world, -1).await}),
            "conflict",
        ),
        (factors(), "conflict"),
    ] {
        let answer = officer.patch(&path, 2, patch).await;
        answer.problem(409, refusal);
    }
    // Nor are notices sent about what is none.
    let id = world.incident(&[ada.id]).await;
    let patch = merged(factors(), decision("LOW_PROBABILITY"));
    officer
        .patch(&incident_path(id), 1, patch)
        .await
        .expect(200);
    let answer = officer
        .patch(&incident_path(id), 2, status("NOTIFYING"))
        .await;
    answer.invalid("status");

    let notifying = world.breach(&[ada.id]).await;
    for target in ["OPEN", "ASSESSED", "CLOSED"] {
        let answer = officer
            .patch(&incident_path(notifying), 3, status(target))
            .await;
        answer.problem(409, "conflict");
    }
    assert_eq!(world.stored_incident(notifying).await["version"], 3);
}

#[tokio::test]
async fn notices_need_a_letter_a_patient_and_the_contact_data_of_the_clinic() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    for text in [
        "letter_happened",
        "letter_data",
        "letter_steps",
        "letter_response",
    ] {
        let id = world.incident(&[ada.id]).await;
        let mut patch = breach();
        patch[text] = Value::Null;
        officer
            .patch(&incident_path(id), 1, patch)
            .await
            .expect(200);
        let answer = officer
            .patch(&incident_path(id), 2, status("NOTIFYING"))
            .await;
        answer.invalid("letter_happened");
    }
    let nobody = world.incident(&[]).await;
    let id = world.incident(&[ada.id]).await;
    let unset = "update settings set clinic_name = null, clinic_phone = null, clinic_email = null, clinic_website = null,
                   clinic_address = null";
    world.sql(unset, &[]).await;
    for id in [nobody, id] {
        let path = incident_path(id);
        officer.patch(&path, 1, breach()).await.expect(200);
        let answer = officer.patch(&path, 2, status("NOTIFYING")).await;
        answer.problem(409, "conflict");
    }
    world.set_clinic_contact().await;
    let path = incident_path(id);
    officer
        .patch(&path, 2, status("NOTIFYING"))
        .await
        .expect(200);
    // What the letter says is fixed once somebody has got it.
    let text = json!({"letter_steps": "Call your bank."});
    officer.patch(&path, 3, text).await.expect(200);
    let notify = "insert into incident_notices (incident_id, recipient, patient_id, means, sent_on)
                  values ($1, 'PATIENT', $2, 'URGENT_CALL', clinic_day(now()))";
    world.sql(notify, &[&id, &ada.id]).await;
    for patch in [
        json!({"letter_steps": "Wait."}),
        json!({"breach_from": "2026-01-07", "breach_until": "2026-01-07"}),
    ] {
        let answer = officer.patch(&path, 4, patch).await;
        answer.problem(409, "conflict");
    }
    let summary = json!({"summary": "A clerk read one chart."});
    officer.patch(&path, 4, summary).await.expect(200);
}

#[tokio::test]
async fn law_enforcement_delays_notices_in_writing_as_long_as_it_says_and_orally_for_thirty_days() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = world.breach(&[ada.id]).await;
    let path = incident_path(id);
    let day = async |later| clinic_day(&world, later).await;
    let delay = async |form: &str, until| {
        json!({
            "delay_statement": form, "delay_stated_on": day(-5).await,
            "delay_official": "Agent Sample, Springfield police", "delayed_until": day(until).await
        })
    };
    let stated = |body: &Answer| body.body["patients_due_on"].clone();
    let without = officer.get(&path).await.expect(200);
    assert_eq!(stated(&without), json!(day(60).await));
    // 30 days after the statement, which was made five days ago.
    let oral = officer.patch(&path, 3, delay("ORAL", 26).await).await;
    oral.invalid("delayed_until");
    let oral = officer.patch(&path, 3, delay("ORAL", 25).await).await;
    assert_eq!(stated(&oral.expect(200)), json!(day(60).await));
    let written = officer.patch(&path, 4, delay("WRITTEN", 90).await).await;
    let written = written.expect(200);
    assert_eq!(stated(&written), json!(day(91).await));
    for (field, patch) in [
        ("delayed_until", json!({"delay_official": null})),
        ("delayed_until", json!({"delayed_until": day(-6).await})),
        ("discovered_on", json!({"delay_stated_on": day(1).await})),
        ("delay_statement", json!({"delay_statement": "RUMOUR"})),
    ] {
        officer.patch(&path, 5, patch).await.invalid(field);
    }
    // It is withdrawn.
    let none = json!({
        "delay_statement": null, "delay_stated_on": null, "delay_official": null, "delayed_until": null
    });
    let none = officer.patch(&path, 5, none).await.expect(200);
    assert_eq!(stated(&none), json!(day(60).await));
}

#[tokio::test]
async fn fields_that_do_not_fit_together_are_named() {
    let world = World::new().await;
    let officer = world.officer().await;
    let id = world.incident(&[]).await;
    let tomorrow = clinic_day(&world, 1).await;
    for (field, patch) in [
        ("nature_level", json!({"nature": "Names"})),
        ("nature_level", json!({"mitigation_level": "LOW"})),
        ("decision", json!({"decision": "BREACH"})),
        ("decision", json!({"decision_reason": "Why not"})),
        ("breach_until", json!({"breach_from": "2026-01-07"})),
        (
            "breach_until",
            json!({"breach_from": "2026-01-07", "breach_until": "2026-01-06"}),
        ),
        ("discovered_on", json!({"discovered_on": tomorrow})),
        ("discovered_on", json!({"discovered_on": null})),
        (
            "discovered_on",
            json!({"breach_from": tomorrow, "breach_until": tomorrow}),
        ),
        ("status", json!({"status": "RESOLVED"})),
        ("summary", json!({"summary": null})),
        ("version", json!({"version": 7})),
    ] {
        let answer = officer.patch(&incident_path(id), 1, patch).await;
        let answer = answer.invalid(field);
        // The notes depend on how far the request came, and never have what was sent.
        let entry = world.audit_of(&answer).await.remove(0).entry;
        assert_eq!(entry.outcome.label(), "FAILURE", "{field}");
        assert_eq!(entry.details["reason"], "invalid", "{field}");
        assert!(!Value::from(entry.details).to_string().contains("Why not"));
    }
    assert_eq!(world.stored_incident(id).await["version"], 1);
}

#[tokio::test]
async fn nobody_works_on_an_incident_about_their_own_access() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let (named, seen) = (
        world.incident(&[ada.id]).await,
        world.incident(&[ada.id]).await,
    );
    let about = "update incidents set actor_id = $2 where id = $1";
    world.sql(about, &[&named, &officer.user]).await;
    let access =
        "insert into incident_accesses values ($1, $2, gen_random_uuid(), $3, 'PATIENT', now())";
    world.sql(access, &[&seen, &ada.id, &officer.user]).await;
    for (id, version) in [(named, 2), (seen, 1)] {
        let path = incident_path(id);
        let step = officer.patch(&path, version, breach());
        let denied = row(id)
            .by(&officer)
            .detail("fields", json!(["decision", "decision_reason", "status"]))
            .detail("status", "ASSESSED")
            .detail("decision", "BREACH")
            .denied("forbidden");
        world.refused(step, 403, denied).await;
        let other = world.officer().await;
        other
            .patch(&incident_path(id), version, breach())
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_stale_version_an_absent_incident_and_other_roles_are_refused() {
    let world = World::new().await;
    let (ada, admin, officer) = (
        world.patient("Ada").await,
        world.admin().await,
        world.officer().await,
    );
    let id = world.incident(&[ada.id]).await;
    let path = incident_path(id);
    let stale = officer.patch(&path, 2, breach());
    let failed = row(id).by(&officer).failed("precondition-failed");
    world.refused(stale, 412, failed).await;
    let denied = row(id).by(&admin).denied("forbidden");
    world
        .refused(admin.patch(&path, 1, breach()), 403, denied)
        .await;
    let absent = Uuid::now_v7();
    let failed = row(absent).by(&officer).failed("not-found");
    let nowhere = incident_path(absent);
    world
        .refused(officer.patch(&nowhere, 1, breach()), 404, failed)
        .await;
}

#[tokio::test]
async fn an_incident_and_its_papers_are_kept_and_its_ledgers_never_change() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = world.breach(&[ada.id]).await;
    for papers in [
        "insert into incident_accesses values ($1, $2, gen_random_uuid(), gen_random_uuid(), 'PATIENT', now())",
        "insert into incident_notices (incident_id, recipient, patient_id, means, sent_on)
         values ($1, 'PATIENT', $2, 'EMAIL', clinic_day(now()))",
    ] {
        world.sql(papers, &[&id, &ada.id]).await;
    }
    let owner = world.connect().await;
    for table in [
        "incidents",
        "incident_accesses",
        "incident_patients",
        "incident_notices",
    ] {
        for statement in [
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
        ] {
            let error = owner.batch_execute(&statement).await.unwrap_err();
            assert_eq!(error.code().unwrap().code(), "23001", "{statement}");
        }
    }
    for change in [
        "update incident_accesses set user_id = gen_random_uuid()",
        "update incident_notices set sent_on = sent_on - 1",
    ] {
        let error = owner.batch_execute(change).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23001", "{change}");
    }
    // No function signs, closes or links an incident by itself.
    for login in ["caretrail_people", "caretrail_jobs"] {
        let connection = world.connect_as(login).await;
        for statement in [
            "update incidents set decided_by = null",
            "update incidents set alert_id = null",
            "insert into incident_accesses values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
               gen_random_uuid(), 'PATIENT', now())",
            "update incident_patients set residence = 'OH'",
            "select settle_incident(gen_random_uuid())",
            "select raise_overdue_incidents()",
        ] {
            let error = connection.batch_execute(statement).await.unwrap_err();
            assert_eq!(
                error.code().unwrap().code(),
                "42501",
                "{login}: {statement}"
            );
        }
        for table in ["incidents", "incident_patients", "incident_notices"] {
            let seen = connection.query(&format!("select from {table}"), &[]).await;
            assert_eq!(seen.unwrap().len(), 0, "{table} without a proven actor");
        }
    }
}
