//! `POST /v1/amendments/{id}/recipients`: names somebody who must be informed of an amendment.

use api::prelude::*;
use domain::amendment::{Amendment, AmendmentRecipientSource};
use domain::select_amendment;
use domain::text::{Line, Text};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/{id}/recipients")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Names somebody who must be informed of an amendment")
    .needs("amendments:request")
    .recorded_as(Action::Update, ResourceType::Amendment)
    .conflicts(&[&[DENIED, MANY]])
    .idempotent(READ);

const DENIED: &str = "The amendment was denied, so nobody is informed of it.";
const MANY: &str = "The amendment has 50 recipients already, which is the most.";

/// Somebody who must be informed of an amendment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecipient {
    /// The reason why the recipient must be informed. A patient or representative sends `NAMED`.
    pub source: AmendmentRecipientSource,
    /// The name of the recipient, a person or an organisation.
    pub name: Line<300>,
    /// The address or another way to reach the recipient. Null if the clinic knows it.
    pub contact: Option<Text<500>>,
}

const ADD: &str = "
    insert into amendment_recipients (amendment_id, source, name, contact)
    select a.id, $2::text::amendment_recipient_source, $3, $4 from amendments a
    where a.id = $1 and reaches('amendments:request', a.patient_id) and shows_entry(a.record_id, a.file_id)";
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:request', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Adds the recipient, before the decision or after it. Errors: the amendment was denied, or it has too many recipients.
pub async fn handle(
    call: Call,
    Path(id): Path<AmendmentId>,
    Body(new): Body<NewRecipient>,
) -> Reply<Json<Amendment>> {
    let mut access = call.authorize(id);
    access.add_note("source", new.source.label());
    let amendment: Amendment = access
        .write_then_read(
            sql(ADD, &[&id, &new.source, &new.name, &new.contact]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint("amendment_recipients_not_denied", Error::Conflict(DENIED))
        .on_constraint("amendment_recipients_limit", Error::Conflict(MANY))
        .on_constraint(
            "amendment_recipients_named",
            Error::invalid(
                "source",
                "expected NAMED: only the clinic adds recipients whom it knows",
            ),
        )?
        .row;
    access.commit(Json(amendment)).await
}
