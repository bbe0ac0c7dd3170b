//! `POST /v1/emergency-access`: grants the caller emergency access to one patient.

use api::prelude::*;
use domain::emergency::{EmergencyAccess, EmergencyReason, LICENSED, not_licensed};
use domain::number::Whole;
use domain::select_emergency_access;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/emergency-access")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Grants the caller emergency access to one patient")
    .needs("emergency-access:write")
    .recorded_as(Action::Create, ResourceType::EmergencyAccess)
    .conflicts(&[&[IN_CARE, GRANTED]])
    .idempotent(READ);

const IN_CARE: &str = "The caller has the patient in care already and needs no emergency access.";
const GRANTED: &str = "The caller has emergency access to the patient already.";

/// A new emergency access of the caller.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEmergencyAccess {
    /// The patient, whom the caller found with `POST /v1/emergency-access/search` within the last 15 minutes.
    pub patient_id: PatientId,
    /// The reason for the access.
    pub reason: EmergencyReason,
    /// The explanation in words. The patient and compliance officers can read it. It must not contain clinical data.
    pub explanation: Text<1000>,
    /// The number of hours after which the access ends by itself, from 1 to 4.
    pub hours: Whole<1, 4>,
}

// Without the condition the database would tell apart patients who exist and ids of nobody.
const GRANT: &str = "
    insert into emergency_accesses (id, patient_id, reason, explanation, hours)
    select $1, $2, $3::text::emergency_reason, $4, $5 where in_care($2) or found_lately($2)";
const READ: &str = select_emergency_access!(
    "where id = $1 and reach('emergency-access:write') = 'ALL' and member_id = actor_user()"
);

/// Grants the access. Errors: the caller has not found the patient lately, their licence isn't verified, or they reach
/// the patient already.
pub async fn handle(
    call: Call,
    Body(new): Body<NewEmergencyAccess>,
) -> Reply<Json<EmergencyAccess>> {
    let id = EmergencyAccessId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    access.add_note("emergency_reason", new.reason.label());
    let granted: EmergencyAccess = access
        .write_then_read(
            sql(
                GRANT,
                &[
                    &id,
                    &new.patient_id,
                    &new.reason,
                    &new.explanation,
                    &new.hours,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint(LICENSED, not_licensed())
        .on_constraint("emergency_accesses_not_in_care", Error::Conflict(IN_CARE))
        .on_constraint("emergency_accesses_once", Error::Conflict(GRANTED))?
        .row;
    access.commit(Json(granted)).await
}
