//! `POST /v1/exports`: requests access to a patient's data.

use api::prelude::*;
use domain::export::{Export, export_rule};
use domain::number::Whole;
use domain::select_export;
use domain::text::Line;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/exports")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Requests access to a patient's data")
    .needs("exports:request")
    .recorded_as(Action::Create, ResourceType::Export)
    .idempotent(READ);

/// A third party to whom a patient directs the copy of their data, in a statement that the patient signed
/// (45 CFR 164.524(c)(3)(ii)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The name of the third party.
    pub name: Line<300>,
    /// The place to which the copy is sent, such as an e-mail address. The copy is electronic.
    pub address: Line<500>,
    /// The day on which the patient signed the statement.
    pub signed_on: Date,
}

/// A fee for the copy. It covers the labor of copying, supplies and postage, and never the search (45 CFR 164.524(c)(4)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// The amount in cents.
    pub cents: Whole<1, 100_000>,
    /// The costs that the fee covers.
    pub reason: Line<300>,
}

/// A new request for access.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExport {
    /// The patient about whom data are requested.
    pub patient_id: PatientId,
    /// The day on which the clinic received the request in another way, on its calendar. Only staff set it. Null for today.
    pub received_on: Option<Date>,
    /// The third party to whom the copy goes. Null if the patient gets it themselves.
    pub recipient: Option<Recipient>,
    /// The fee for the copy. Only staff set it. Null if the copy is free. The package never waits for a payment.
    pub fee: Option<Fee>,
}

const REQUEST: &str = "
    insert into exports (
      id, patient_id, received_on, recipient_name, recipient_address, directive_signed_on, fee_cents, fee_reason
    )
    select $1, p.id, $3, $4, $5, $6, $7, $8 from patients p where p.id = $2 and reaches('exports:request', p.id)";
const READ: &str = select_export!(
    "where e.id = $1 and reaches('exports:request', e.patient_id)
      and owns_export('exports:request', e.patient_id, e.requested_by, e.is_for_representative)"
);

/// Records the request. If the patient has an open one, this one attaches to it and has its due date. Errors: the patient
/// doesn't exist, or only staff may say what the request says.
pub async fn handle(call: Call, Body(new): Body<NewExport>) -> Reply<Created<Export>> {
    let id = ExportId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    let recipient = new.recipient.as_ref();
    let export: Export = access
        .write_then_read(
            sql(
                REQUEST,
                &[
                    &id,
                    &new.patient_id,
                    &new.received_on,
                    &recipient.map(|recipient| recipient.name.clone()),
                    &recipient.map(|recipient| recipient.address.clone()),
                    &recipient.map(|recipient| recipient.signed_on),
                    &new.fee.as_ref().map_or(0, |fee| fee.cents.get()),
                    &new.fee.as_ref().map(|fee| fee.reason.clone()),
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(export_rule)?
        .row;
    if let Some(first) = export.attached_to {
        access.add_note("attached_to", first.to_string());
    }
    access
        .commit(Created {
            location: format!("/v1/exports/{id}"),
            body: export,
        })
        .await
}
