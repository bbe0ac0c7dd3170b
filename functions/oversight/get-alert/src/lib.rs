//! `GET /v1/alerts/{id}`: reads an alert.

use api::prelude::*;
use domain::alert::Alert;
use domain::select_alert;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/alerts/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads an alert")
    .needs("alerts:read")
    .recorded_as(Action::Read, ResourceType::Alert);

const GET: &str = select_alert!("where id = $1 and reach('alerts:read') = 'ALL'");

/// Answers the alert.
pub async fn handle(call: Call, Path(id): Path<AlertId>) -> Reply<Json<Alert>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}
