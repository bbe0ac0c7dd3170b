//! `POST /v1/amendments/received`: records an amendment that another covered entity told.

use api::prelude::*;
use domain::amendment::{Amendment, AmendmentField, amendment_rule, one_entry};
use domain::select_amendment;
use domain::text::{Line, Text};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/received")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records an amendment that another covered entity told")
    .needs("amendments:decide")
    .recorded_as(Action::Create, ResourceType::Amendment)
    .idempotent(READ);

/// An amendment that another covered entity made and told the clinic of (45 CFR 164.526(e)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = {"anyOf": [
    {"required": ["record_id", "file_id"]}, {"required": ["record_id", "profile_field"]},
    {"required": ["file_id", "profile_field"]},
]}))]
pub struct ReceivedAmendment {
    /// The patient with the entry in their chart.
    pub patient_id: PatientId,
    /// The medical record that is amended.
    pub record_id: Option<RecordId>,
    /// The file that is amended.
    pub file_id: Option<FileId>,
    /// The part of the patient's profile that is amended.
    pub profile_field: Option<AmendmentField>,
    /// The name of the covered entity that told the clinic of the amendment.
    pub told_by: Line<300>,
    /// The text by which the entry is amended.
    pub addendum: Text<4000>,
    /// The day on which the clinic was told, on the clinic's calendar. Null for today.
    pub received_on: Option<Date>,
}

impl Check for ReceivedAmendment {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        match sound.are(&["record_id", "file_id", "profile_field"]) {
            true => one_entry(self.record_id, self.file_id, self.profile_field),
            false => Ok(()),
        }
    }
}

const RECORD: &str = include_str!("record.sql");
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:decide', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Records the amendment beside the entry, like an accepted one. Errors: the caller can't read the entry.
pub async fn handle(
    call: Call,
    CheckedBody(new): CheckedBody<ReceivedAmendment>,
) -> Reply<Created<Amendment>> {
    let id = AmendmentId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    let amendment: Amendment = access
        .write_then_read(
            sql(
                RECORD,
                &[
                    &id,
                    &new.patient_id,
                    &new.record_id,
                    &new.file_id,
                    &new.profile_field,
                    &new.told_by,
                    &new.addendum,
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
