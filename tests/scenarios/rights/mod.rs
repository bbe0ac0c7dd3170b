//! The rights of patients: representatives, access, amendment, and who learnt of their data.

mod accept_amendment;
mod add_amendment_recipient;
mod amendments_beside_entries;
mod amendments_kept;
mod build_exports;
mod confirm_representative;
mod correct_disclosure;
mod create_export;
mod create_representative;
mod deny_amendment;
mod deny_export;
mod disagree_with_denial;
mod end_representative;
mod exports;
mod extend_accounting;
mod extend_amendment;
mod extend_export;
mod get_accounting;
mod get_accounting_report;
mod get_amendment;
mod get_amendment_letter;
mod get_disclosure;
mod get_export;
mod get_export_letter;
mod get_export_package;
mod get_representative;
mod list_accountings;
mod list_amendments;
mod list_chart_accesses;
mod list_disclosures;
mod list_exports;
mod list_representatives;
mod minors;
mod provide_accounting;
mod rebut_disagreement;
mod receive_amendment;
mod record_disclosure;
mod record_informed_recipient;
mod request_accounting;
mod request_amendment;
mod request_clocks;
mod request_export_review;
mod review_export;
mod update_accounting;

use audit::Relation;
use tests::audit::Expected;
use tests::prelude::*;

const AMENDMENTS: &str = "/v1/amendments";

/// The path of an amendment, or of a step such as `/accept`.
fn amendment_path(id: Uuid, step: &str) -> String {
    format!("{AMENDMENTS}/{id}{step}")
}

/// A patient with a note by their provider.
struct Chart {
    world: World,
    ada: Patient,
    vera: Provider,
    note: Uuid,
}

impl Chart {
    async fn new() -> Self {
        let world = World::new().await;
        world.set_clinic_contact().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world.assign(&ada, &vera).await;
        let note = world.note(&ada, &vera, "Smokes.").await;
        Self {
            world,
            ada,
            vera,
            note,
        }
    }

    /// The expected audit row of a step on an amendment of this chart.
    fn step(&self, function: &'static str, caller: &Actor, id: Uuid) -> Expected {
        let row = audit(function, "UPDATE", "AMENDMENT").by(caller);
        row.resource(id).patient(self.ada.id)
    }

    /// Lets the patient request an amendment of the note. Returns its id.
    async fn requested(&self) -> Uuid {
        let request = request(self.ada.id, self.note);
        let answer = self.ada.post(AMENDMENTS, request).await;
        answer.expect(201).id()
    }

    /// Lets the provider deny the same.
    async fn denied(&self) -> Uuid {
        let id = self.requested().await;
        let path = amendment_path(id, "/deny");
        self.vera.post(&path, denial()).await.expect(200);
        id
    }

    /// A nurse with the patient in care.
    async fn nurse(&self) -> Actor {
        let nora = self.world.user("NURSE", "Nora").await;
        self.world
            .grant(&self.ada, nora.user, "COVER", "1 day")
            .await;
        nora
    }
}

/// The request to amend a record.
fn request(patient: Uuid, record: Uuid) -> Value {
    json!({
        "patient_id": patient, "record_id": record, "statement": "It says that I smoke.",
        "correction": "I have never smoked.", "reason": "I was mistaken for somebody else."
    })
}

fn denial() -> Value {
    json!({"ground": "ACCURATE_AND_COMPLETE", "basis": "You told us so twice."})
}

fn acceptance() -> Value {
    json!({"addendum": "The patient has never smoked."})
}

/// The stored amendment.
async fn stored(world: &World, id: Uuid) -> Value {
    world
        .row("select * from amendments where id = $1", &[&id])
        .await
}

/// Today on the clinic's calendar, this many days later.
async fn clinic_day(world: &World, later: i32) -> String {
    world
        .sql("select (clinic_day(now()) + $1::integer)::text", &[&later])
        .await[0]
        .get(0)
}

/// Lets an amendment be received this many days earlier.
async fn age(world: &World, id: Uuid, days: i32) {
    world
        .rewrite_history(&format!(
            "update amendments set received_on = received_on - {days}, due_on = due_on - {days},
               decided_at = decided_at - interval '{days} days' where id = '{id}'"
        ))
        .await;
}

const REPRESENTATIVES: &str = "/v1/representatives";

/// The path of a step on a representation.
fn step(id: Uuid, step: &str) -> String {
    format!("{REPRESENTATIVES}/{id}/{step}")
}

/// A new representation of the patient by the user as a guardian.
fn guardian(patient: &Patient, user: Uuid) -> Value {
    json!({
        "patient_id": patient.id, "user_id": user, "basis": "GUARDIAN", "scope": "ALL",
        "evidence": "The court order of 4 May was seen"
    })
}

/// Asserts that the answer has this audit row, and in which relation the actor acted.
async fn acted_as(world: &World, answer: &Answer, row: Expected, relation: Option<Relation>) {
    let entry = world.audited(answer, row).await.entry;
    assert_eq!(entry.relation, relation, "{entry:?}");
}

/// Whether the caller reads the chart of the patient.
async fn reads(caller: &Actor, patient: &Patient) -> bool {
    let answer = caller.get(&format!("/v1/patients/{}", patient.id)).await;
    match answer.status {
        200 => true,
        404 => false,
        _ => panic!("{answer:?}"),
    }
}

const DISCLOSURES: &str = "/v1/disclosures";
const ACCOUNTINGS: &str = "/v1/accountings";

fn row(function: &'static str, action: &'static str, caller: &Actor) -> Expected {
    audit(function, action, "DISCLOSURE").by(caller)
}

/// The day this many days before today.
fn day(days: i64) -> String {
    (chrono::Utc::now() - chrono::TimeDelta::days(days))
        .date_naive()
        .to_string()
}

/// A disclosure a month ago, with these fields instead of the usual ones.
fn disclosure(patient: &Patient, fields: Value) -> Value {
    let mut body = json!({
        "patient_id": patient.id,
        "disclosed_on": day(30),
        "recipient_name": "Department of Health",
        "recipient_address": "1 Sample Street, Springfield",
        "description": "A laboratory result",
        "purpose": "The law requires the report of this disease.",
        "basis": "PUBLIC_HEALTH",
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn recorded(officer: &Actor, patient: &Patient, fields: Value) -> Uuid {
    let answer = officer.post(DISCLOSURES, disclosure(patient, fields)).await;
    answer.expect(201).id()
}

async fn requested(caller: &Actor, patient: &Patient) -> Answer {
    let body = json!({"patient_id": patient.id});
    caller.post(ACCOUNTINGS, body).await.expect(201)
}

/// Requests an accounting for the patient and provides it. Returns it as the patient reads it.
async fn accounting(officer: &Actor, patient: &Patient) -> Value {
    let id = requested(officer, patient).await.id();
    let path = format!("{ACCOUNTINGS}/{id}");
    officer
        .post_nothing(&format!("{path}/provide"))
        .await
        .expect(200);
    patient
        .get(&format!("{path}/report"))
        .await
        .expect(200)
        .body
}

fn purposes(report: &Value) -> Vec<&str> {
    let entries = report["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["purpose"].as_str().unwrap())
        .collect()
}
