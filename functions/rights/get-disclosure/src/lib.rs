//! `GET /v1/disclosures/{id}`: reads a recorded disclosure.

use api::prelude::*;
use domain::accounting::Disclosure;
use domain::select_disclosure;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/disclosures/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a recorded disclosure")
    .needs("disclosures:read")
    .recorded_as(Action::Read, ResourceType::Disclosure);

const GET: &str = select_disclosure!("where d.id = $1 and reach('disclosures:read') = 'ALL'");

/// Answers the disclosure, also if it was corrected since.
pub async fn handle(call: Call, Path(id): Path<DisclosureId>) -> Reply<Json<Disclosure>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}
