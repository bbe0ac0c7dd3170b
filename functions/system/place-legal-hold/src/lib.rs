//! `POST /v1/legal-holds`: places a legal hold, so that nothing it covers is deleted.

use api::prelude::*;
use domain::retention::{LegalHold, RetainedType};
use domain::select_legal_hold;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/legal-holds")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Places a legal hold, so that nothing it covers is deleted")
    .needs("legal-holds:write")
    .recorded_as(Action::Create, ResourceType::LegalHold)
    .idempotent(READ);

/// A new legal hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLegalHold {
    /// The patient with the data that it covers. Null if it covers the data of everybody.
    pub patient_id: Option<PatientId>,
    /// The kind of data that it covers. Null if it covers all kinds.
    pub resource_type: Option<RetainedType>,
    /// The reason for the legal hold, for example the reference of a case. It must not contain patient data.
    pub reason: Text<1000>,
}

const PLACE: &str = "
    insert into legal_holds (id, patient_id, resource_type, reason)
    select $1, $2, $3::text::retained_type, $4 where reach('legal-holds:write') = 'ALL'";
const READ: &str = select_legal_hold!("where id = $1 and reach('legal-holds:write') = 'ALL'");

/// Places the legal hold. Errors: the patient doesn't exist.
pub async fn handle(call: Call, Body(new): Body<NewLegalHold>) -> Reply<Json<LegalHold>> {
    let id = LegalHoldId::generate();
    let mut access = call.authorize(id);
    let hold: LegalHold = access
        .write_then_read(
            sql(
                PLACE,
                &[&id, &new.patient_id, &new.resource_type, &new.reason],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint(
            "legal_holds_patient_exists",
            Error::invalid("patient_id", "expected the id of a patient"),
        )?
        .row;
    access.commit(Json(hold)).await
}
