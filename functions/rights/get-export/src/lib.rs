//! `GET /v1/exports/{id}`: reads a request for access.

use api::prelude::*;
use domain::export::Export;
use domain::select_export;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/exports/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a request for access")
    .needs("exports:read")
    .recorded_as(Action::Read, ResourceType::Export);

const GET: &str = select_export!(
    "where e.id = $1 and reaches('exports:read', e.patient_id)
      and owns_export('exports:read', e.patient_id, e.requested_by, e.is_for_representative)"
);

/// Answers the request with its clock, the progress of its package and what was left out.
pub async fn handle(call: Call, Path(id): Path<ExportId>) -> Reply<Json<Export>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}
