//! `DELETE /v1/providers/{id}`: archives a provider and keeps their appointments and records.

use api::prelude::*;
use domain::provider::Provider;
use domain::select_provider;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/providers/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Archives a provider and keeps their appointments and records")
    .needs("providers:write")
    .recorded_as(Action::Delete, ResourceType::Provider)
    .conflicts(&[&[HAS_FUTURE_APPOINTMENTS], &[CHANGED_SINCE_IMPORT]]);

const HAS_FUTURE_APPOINTMENTS: &str = "The provider has future appointments. Cancel them first.";

const CURRENT: &str = "
    select version from providers
    where id = $1 and not is_archived and (reach('providers:write') = 'ALL' or reach('providers:write') = 'SOURCE' and source_system = actor_source())
    for update";
const ARCHIVE: &str = "
    update providers set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_provider!("where id = $1");

pub async fn handle(
    call: Call,
    Path(id): Path<ProviderId>,
    if_match: IfMatch,
) -> Reply<Json<Provider>> {
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let provider: Provider = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "providers_without_visits",
            Error::Conflict(HAS_FUTURE_APPOINTMENTS),
        )?
        .row;
    access.commit(Json(provider)).await
}
