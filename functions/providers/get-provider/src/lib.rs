//! `GET /v1/providers/{id}`: one provider of the directory.

use shared::domain::provider::Provider;
use shared::prelude::*;
use shared::select_provider;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "get-provider",
    permission: "providers:read",
    action: Action::Read,
    resource: ResourceType::Provider,
};

const GET: &str = select_provider!("where id = $1 and not is_archived");

/// Answers the provider.
pub async fn handle(call: Call) -> Reply<Json<Provider>> {
    let id: ProviderId = call.path("id")?;
    let mut access = call.authorize(id);
    let provider: Provider = access.one(sql(GET, &[&id])).await?;
    access.commit(Json(provider)).await
}
