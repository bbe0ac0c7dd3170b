//! `POST /v1/exports/{id}/extend`: extends the time for the answer to a request for access.

use api::prelude::*;
use domain::export::{CONFLICTS, Export, export_rule};
use domain::select_export;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/exports/{id}/extend")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Extends the time for the answer to a request for access")
    .needs("exports:extend")
    .recorded_as(Action::Update, ResourceType::Export)
    .conflicts(&[CONFLICTS])
    .idempotent(READ);

/// The extension of the time for an answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The reason for the delay. The patient reads it, because the clinic must tell them the reason and the new date
    /// (45 CFR 164.524(b)(2)(ii)).
    pub reason: Text<1000>,
}

const EXTEND: &str = "
    update exports set extension_reason = $1, extended_at = now() where id = $2 and reach('exports:extend') = 'ALL'";
const READ: &str = select_export!("where e.id = $1 and reach('exports:extend') = 'ALL'");

/// Extends the time once, by 30 days. Errors: it was extended, its time is over, or the request is not open.
pub async fn handle(
    call: Call,
    Path(id): Path<ExportId>,
    Body(extension): Body<Extension>,
) -> Reply<Json<Export>> {
    let mut access = call.authorize(id);
    let export: Export = access
        .write_then_read(sql(EXTEND, &[&extension.reason, &id]), sql(READ, &[&id]))
        .await
        .on_constraints(export_rule)?
        .row;
    access.commit(Json(export)).await
}
