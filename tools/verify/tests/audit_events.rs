//! Audit rows as FHIR AuditEvents after IHE's Basic Audit Log Patterns.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use audit::{Action, Entry, Outcome, Relation, ResourceType};
use domain::ids::{AuditLogId, PatientId, UserId};
use domain::time::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;
use verify::audit_events::events;

fn entry(action_type: Action) -> Entry {
    let timestamp: Timestamp = "2026-01-07T09:05:03.25Z".parse().unwrap();
    Entry {
        id: AuditLogId::of_time(timestamp),
        timestamp,
        user_id: Some(UserId::from(Uuid::from_u128(1))),
        actor_role: Some("PROVIDER".to_owned()),
        relation: Some(Relation::Care),
        purpose_of_use: Some(Relation::Care.purpose()),
        action_type,
        resource_type: ResourceType::MedicalRecord,
        resource_id: Some(Uuid::from_u128(2)),
        patients: vec![PatientId::from(Uuid::from_u128(3))],
        outcome: Outcome::Success,
        source_ip: Some([203, 0, 113, 7].into()),
        user_agent: Some("a browser".to_owned()),
        application: "get-record".to_owned(),
        request_id: "a-request".to_owned(),
        trace_id: None,
        details: Map::new(),
    }
}

fn exported(entry: &Entry) -> Vec<Value> {
    events(entry, (Uuid::from_u128(4), 7), &[1; 32], &[2; 64])
}

fn agents(event: &Value) -> Vec<&str> {
    let agents = event["agent"].as_array().unwrap();
    let code = |agent: &'_ Value| {
        agent["type"]["coding"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    agents.iter().map(code).map(|code| &*code.leak()).collect()
}

fn profile(event: &Value) -> Option<&str> {
    event["meta"]["profile"][0].as_str()?.rsplit('.').next()
}

#[test]
fn each_action_on_a_patients_data_has_what_its_profile_demands() {
    for (action, interaction, letter, name, user) in [
        (Action::Read, "read", "R", "PatientRead", "IRCP"),
        (Action::Disclose, "read", "R", "PatientRead", "IRCP"),
        (Action::Create, "create", "C", "PatientCreate", "AUT"),
        (Action::Update, "update", "U", "PatientUpdate", "AUT"),
        (Action::Delete, "delete", "D", "PatientDelete", "AUT"),
    ] {
        let events = exported(&entry(action));
        let [event] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(event["resourceType"], "AuditEvent");
        assert_eq!(event["type"]["code"], "rest");
        assert_eq!(event["subtype"][0]["code"], interaction);
        assert_eq!(event["action"], letter);
        assert_eq!(event["outcome"], "0");
        assert_eq!(event["recorded"], "2026-01-07T09:05:03.25Z");
        assert_eq!(profile(event), Some(name));
        // The client, the server and the user.
        assert_eq!(agents(event), ["110153", "110152", user]);
        for agent in [&event["agent"][0], &event["agent"][1]] {
            assert!(agent["who"].is_object() && agent["network"].is_object());
            assert_eq!(agent["requestor"], false);
        }
        assert_eq!(event["agent"][2]["requestor"], true);
        assert_eq!(
            event["agent"][2]["purposeOfUse"][0]["coding"][0]["code"],
            "TREAT"
        );
        let codes: Vec<_> = (0..3)
            .map(|entity| event["entity"][entity]["type"]["code"].clone())
            .collect();
        assert_eq!(codes, ["2", "1", "XrequestId"]);
        let patient = &event["entity"][1]["what"]["reference"];
        assert_eq!(*patient, format!("Patient/{}", Uuid::from_u128(3)));
        assert_eq!(
            event["entity"][2]["what"]["identifier"]["value"],
            "a-request"
        );
    }
}

#[test]
fn a_row_of_several_patients_is_an_event_for_each() {
    let mut entry = entry(Action::Search);
    entry.resource_id = None;
    entry.patients = (3..6)
        .map(|id| PatientId::from(Uuid::from_u128(id)))
        .collect();
    let events = exported(&entry);
    assert_eq!(events.len(), 3);
    let mut ids: Vec<_> = events.iter().map(|event| event["id"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    // The profile demands the text of the query, which the log doesn't have.
    assert!(events.iter().all(|event| profile(event).is_none()));
}

#[test]
fn a_refusal_a_failure_and_a_job_claim_no_profile() {
    let mut denied = entry(Action::Read);
    denied.outcome = Outcome::Denied;
    let mut failed = entry(Action::Update);
    failed.outcome = Outcome::Failure;
    let mut job = entry(Action::Process);
    (job.user_id, job.source_ip, job.user_agent) = (None, None, None);
    job.actor_role = Some("SYSTEM".to_owned());
    for (entry, outcome, count) in [(denied, "4", 3), (failed, "8", 3), (job, "0", 2)] {
        let event = exported(&entry).remove(0);
        assert_eq!(event["outcome"], outcome);
        assert_eq!(agents(&event).len(), count);
        assert_eq!(profile(&event), None);
    }
}
