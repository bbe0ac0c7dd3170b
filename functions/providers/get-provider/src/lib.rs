//! `GET /v1/providers/{id}`: one provider of the directory.

use serde::Deserialize;
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

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether it is shown though archived; only who registers providers sees it.
    pub include_archived: Option<bool>,
}

const GET: &str = select_provider!(
    "where id = $1 and (not is_archived or ($2 and reach('providers:write') = 'ALL'))"
);

/// Answers the provider.
pub async fn handle(call: Call) -> Reply<Json<Provider>> {
    let id: ProviderId = call.path("id")?;
    let filter: Filter = call.query()?;
    let archived = filter.include_archived.unwrap_or(false);
    let mut access = call.authorize(id);
    let provider: Provider = access.one(sql(GET, &[&id, &archived])).await?;
    access.commit(Json(provider)).await
}
