//! `DELETE /v1/providers/{id}`: archives a provider who leaves; her rows stay.

use shared::domain::provider::Provider;
use shared::prelude::*;
use shared::select_provider;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "delete-provider",
    permission: "providers:write",
    action: Action::Delete,
    resource: ResourceType::Provider,
};

const CURRENT: &str = "
    select version from providers
    where id = $1 and not is_archived and reach('providers:write') = 'ALL'
    for update";
const ARCHIVE: &str = "
    update providers set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_provider!("where id = $1");

/// Archives the provider.
pub async fn handle(call: Call) -> Reply<Json<Provider>> {
    let id: ProviderId = call.path("id")?;
    let if_match = call.if_match()?;
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let provider: Provider = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "providers_without_visits",
            Error::Conflict("the provider has visits to come"),
        )?;
    access.commit(Json(provider)).await
}
