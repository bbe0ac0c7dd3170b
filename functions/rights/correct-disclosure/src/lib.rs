//! `POST /v1/disclosures/{id}/corrections`: replaces a recorded disclosure by a corrected one.

use api::prelude::*;
use domain::accounting::{CORRECTED, Disclosure, NewDisclosure, Suspension, disclosure_rule};
use domain::select_disclosure;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/disclosures/{id}/corrections")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Replaces a recorded disclosure by a corrected one")
    .needs("disclosures:write")
    .recorded_as(Action::Update, ResourceType::Disclosure)
    .conflicts(&[&[CORRECTED]])
    .idempotent(READ);

/// A correction of a disclosure. It replaces all fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The reason for the correction. It must not contain clinical data.
    pub reason: Text<1000>,
    /// Whether there was no such disclosure. The accounting then leaves it out.
    #[serde(default)]
    pub is_withdrawn: bool,
    /// The disclosure as it should have been recorded. The patient must be the same.
    pub disclosure: NewDisclosure,
}

const CORRECT: &str = "
    insert into disclosures (
      id, corrects_id, correction_reason, is_withdrawn, patient_id, disclosed_on, last_on, times, frequency, recipient_name,
      recipient_address, description, purpose, request_file_id, basis, suspension_statement, suspension_stated_on,
      suspension_official, suspended_until
    )
    select $1, d.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::disclosure_basis,
      $15::text::delay_statement, $16, $17, $18
    from disclosures d where d.id = $19 and reach('disclosures:write') = 'ALL'";
// The answer is the correction, which a replay finds by the disclosure.
const READ: &str =
    select_disclosure!("where d.corrects_id = $1 and reach('disclosures:write') = 'ALL'");

/// Records the correction. Errors: the disclosure was corrected already, or fields don't fit together.
pub async fn handle(
    call: Call,
    Path(id): Path<DisclosureId>,
    Body(correction): Body<Correction>,
) -> Reply<Json<Disclosure>> {
    let new = correction.disclosure;
    let correction_id = DisclosureId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    access.add_note("correction_id", correction_id.to_string());
    let (statement, stated_on, official, until) = Suspension::parts(new.suspension);
    let disclosure: Disclosure = access
        .write_then_read(
            sql(
                CORRECT,
                &[
                    &correction_id,
                    &correction.reason,
                    &correction.is_withdrawn,
                    &new.patient_id,
                    &new.disclosed_on,
                    &new.last_on,
                    &new.times,
                    &new.frequency,
                    &new.recipient_name,
                    &new.recipient_address,
                    &new.description,
                    &new.purpose,
                    &new.request_file_id,
                    &new.basis,
                    &statement,
                    &stated_on,
                    &official,
                    &until,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(disclosure_rule)
        .on_constraint(
            "disclosures_patient_same",
            Error::invalid(
                "disclosure.patient_id",
                "expected the patient of the disclosure",
            ),
        )?
        .row;
    access.commit(Json(disclosure)).await
}
