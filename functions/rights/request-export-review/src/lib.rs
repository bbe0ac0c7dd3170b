//! `POST /v1/exports/{id}/request-review`: asks for a review of what was denied of a request for access.

use api::prelude::*;
use domain::export::{CONFLICTS, Export, export_rule};
use domain::select_export;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/exports/{id}/request-review")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Asks for a review of what was denied of a request for access")
    .needs("exports:request")
    .recorded_as(Action::Update, ResourceType::Export)
    .conflicts(&[CONFLICTS])
    .idempotent(READ);

const ASK: &str = "
    update exports set review_requested_at = now() where id = $1 and reaches('exports:request', patient_id)
      and owns_export('exports:request', patient_id, requested_by, is_for_representative)";
const READ: &str = select_export!(
    "where e.id = $1 and reaches('exports:request', e.patient_id)
      and owns_export('exports:request', e.patient_id, e.requested_by, e.is_for_representative)"
);

/// Asks for the review (45 CFR 164.524(a)(4)). Errors: nothing was denied on a ground that is reviewed, or somebody asked
/// already.
pub async fn handle(call: Call, Path(id): Path<ExportId>) -> Reply<Json<Export>> {
    let mut access = call.authorize(id);
    let export: Export = access
        .write_then_read(sql(ASK, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraints(export_rule)?
        .row;
    access.commit(Json(export)).await
}
