//! `GET /v1/representatives/{id}`: reads who represents a patient, and on what basis.

use api::prelude::*;
use domain::representative::Representative;
use domain::select_representative;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/representatives/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads who represents a patient, and on what basis")
    .needs("representatives:read")
    .recorded_as(Action::Read, ResourceType::Representative);

const GET: &str = select_representative!(
    "where r.id = $1 and case reach('representatives:read')
       when 'ALL' then true
       when 'OWN' then r.patient_id = actor_patient() or r.user_id = actor_user()
     end"
);

/// Answers the representation, also if it has ended.
pub async fn handle(call: Call, Path(id): Path<RepresentativeId>) -> Reply<Json<Representative>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}
