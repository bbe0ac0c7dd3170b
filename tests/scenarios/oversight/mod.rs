mod emergency_reach;
mod find_emergency_patient;
mod grant_emergency_access;
mod list_emergency_access;
mod review_emergency_access;
mod revoke_emergency_access;

use audit::{PurposeOfUse, Relation};
use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/emergency-access";

/// Looks for the patient by their name and date of birth.
async fn find(caller: &Actor, first_name: &str) -> Answer {
    let wanted =
        json!({"first_name": first_name, "last_name": "Example", "date_of_birth": "1990-05-17"});
    caller.post(&format!("{PATH}/search"), wanted).await
}

async fn grant(caller: &Actor, patient: Uuid) -> Answer {
    let body = json!({
        "patient_id": patient, "reason": "PATIENT_UNRESPONSIVE", "explanation": "Collapsed", "hours": 2
    });
    caller.post(PATH, body).await
}

/// Lets the caller find Kim and grant themself access. Returns its id.
async fn granted(caller: &Actor, kim: &Patient) -> Uuid {
    let found = find(caller, "Kim").await.expect(200);
    assert_eq!(found.body["patient"]["id"], json!(kim.id));
    grant(caller, kim.id).await.expect(200).id()
}

/// Makes all accesses this much older.
async fn age(world: &World, by: &str) {
    world
        .rewrite_history(&format!(
            "update emergency_accesses set granted_at = granted_at - interval '{by}',
               ends_at = ends_at - interval '{by}', review_due_at = review_due_at - interval '{by}'"
        ))
        .await;
}

/// Asserts that the answer has this audit row, and that the actor acted with emergency access.
async fn audited_as_emergency(world: &World, answer: &Answer, row: Expected) {
    let entry = world.audited(answer, row).await.entry;
    assert_eq!(entry.relation, Some(Relation::Emergency), "{entry:?}");
    assert_eq!(entry.purpose_of_use, Some(PurposeOfUse::Btg), "{entry:?}");
}
