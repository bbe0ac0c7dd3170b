//! `GET /v1/amendments/{id}`: reads an amendment.

use api::prelude::*;
use domain::amendment::Amendment;
use domain::select_amendment;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/amendments/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads an amendment")
    .needs("amendments:read")
    .recorded_as(Action::Read, ResourceType::Amendment);

const GET: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:read', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Answers the amendment with the request, the decision and what followed it, to everybody who reads the entry.
pub async fn handle(call: Call, Path(id): Path<AmendmentId>) -> Reply<Json<Amendment>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}
