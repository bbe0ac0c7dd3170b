//! `GET /v1/providers/{id}`: reads a provider.

use api::prelude::*;
use domain::provider::Provider;
use domain::select_provider;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/providers/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a provider")
    .needs("providers:read")
    .recorded_as(Action::Read, ResourceType::Provider);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether an archived provider is returned too. By default they are not. Only users who register
    /// providers can see archived providers.
    pub include_archived: Option<bool>,
}

const GET: &str = select_provider!(
    "where id = $1 and (not is_archived or ($2 and reach('providers:write') in ('SOURCE', 'ALL')))"
);

pub async fn handle(
    call: Call,
    Path(id): Path<ProviderId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<Provider>> {
    let archived = filter.include_archived.unwrap_or(false);
    call.authorize(id).read(sql(GET, &[&id, &archived])).await
}
