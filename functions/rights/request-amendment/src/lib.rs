//! `POST /v1/amendments`: requests an amendment of an entry of the chart.

use api::prelude::*;
use domain::amendment::{Amendment, AmendmentField, REQUEST_CONFLICTS, amendment_rule, one_entry};
use domain::select_amendment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Requests an amendment of an entry of the chart")
    .needs("amendments:request")
    .recorded_as(Action::Create, ResourceType::Amendment)
    .conflicts(&[REQUEST_CONFLICTS])
    .idempotent(READ);

/// A request to amend one entry of a patient's chart: a medical record, a file or a part of the profile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = {"anyOf": [
    {"required": ["record_id", "file_id"]}, {"required": ["record_id", "profile_field"]},
    {"required": ["file_id", "profile_field"]},
]}))]
pub struct NewAmendment {
    /// The patient with the entry in their chart.
    pub patient_id: PatientId,
    /// The medical record to amend. The caller must be able to read it.
    pub record_id: Option<RecordId>,
    /// The file to amend. The caller must be able to read it.
    pub file_id: Option<FileId>,
    /// The part of the patient's profile to amend.
    pub profile_field: Option<AmendmentField>,
    /// The statement of what is wrong with the entry.
    pub statement: Text<4000>,
    /// The text that the entry should have instead.
    pub correction: Text<4000>,
    /// The reason for the request.
    pub reason: Text<2000>,
    /// The day on which the clinic received the request, on the clinic's calendar, if a member of the care team records what
    /// the patient wrote. Null for today.
    pub received_on: Option<Date>,
}

impl Check for NewAmendment {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        match sound.are(&["record_id", "file_id", "profile_field"]) {
            true => one_entry(self.record_id, self.file_id, self.profile_field),
            false => Ok(()),
        }
    }
}

const REQUEST: &str = include_str!("request.sql");
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:request', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Records the request and starts its clock. Errors: the caller can't read the entry, or too many requests are open.
pub async fn handle(
    call: Call,
    CheckedBody(new): CheckedBody<NewAmendment>,
) -> Reply<Created<Amendment>> {
    let id = AmendmentId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    let amendment: Amendment = access
        .write_then_read(
            sql(
                REQUEST,
                &[
                    &id,
                    &new.patient_id,
                    &new.record_id,
                    &new.file_id,
                    &new.profile_field,
                    &new.statement,
                    &new.correction,
                    &new.reason,
                    &new.received_on,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(amendment_rule)?
        .row;
    access
        .commit(Created {
            location: format!("/v1/amendments/{id}"),
            body: amendment,
        })
        .await
}
