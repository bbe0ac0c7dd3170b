//! `POST /v1/disclosures`: records a disclosure that was made outside of the API.

use api::prelude::*;
use domain::accounting::{Disclosure, NewDisclosure, Suspension, disclosure_rule};
use domain::select_disclosure;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/disclosures")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records a disclosure that was made outside of the API")
    .needs("disclosures:write")
    .recorded_as(Action::Create, ResourceType::Disclosure)
    .idempotent(READ);

const RECORD: &str = "
    insert into disclosures (
      id, patient_id, disclosed_on, last_on, times, frequency, recipient_name, recipient_address, description, purpose,
      request_file_id, basis, suspension_statement, suspension_stated_on, suspension_official, suspended_until
    )
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::disclosure_basis, $13::text::delay_statement, $14, $15, $16
    where reach('disclosures:write') = 'ALL'";
const READ: &str = select_disclosure!("where d.id = $1 and reach('disclosures:write') = 'ALL'");

/// Records the disclosure. Errors: the patient or the file doesn't exist, or fields don't fit together.
pub async fn handle(call: Call, Body(new): Body<NewDisclosure>) -> Reply<Created<Disclosure>> {
    let id = DisclosureId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    access.add_note("basis", new.basis.label());
    let (statement, stated_on, official, until) = Suspension::parts(new.suspension);
    let disclosure: Disclosure = access
        .write_then_read(
            sql(
                RECORD,
                &[
                    &id,
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
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(disclosure_rule)?
        .row;
    access
        .commit(Created {
            location: format!("/v1/disclosures/{id}"),
            body: disclosure,
        })
        .await
}
