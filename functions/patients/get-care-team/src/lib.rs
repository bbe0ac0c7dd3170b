//! `GET /v1/patients/{id}/care`: lists the users who have a patient in care now.

use api::prelude::*;
use domain::care::CareTeam;
use domain::select_care_team;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients/{id}/care")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the users who have a patient in care now")
    .needs("care:read")
    .recorded_as(Action::Read, ResourceType::Patient);

const READ: &str =
    select_care_team!("where id = $1 and not is_archived and reaches('care:read', id)");

/// Answers the care team. Care that has ended is not part of it.
pub async fn handle(call: Call, Path(id): Path<PatientId>) -> Reply<Json<CareTeam>> {
    let mut access = call.authorize(id);
    let team: CareTeam = access.one(sql(READ, &[&id])).await?;
    access.commit(Json(team)).await
}
