//! `POST /v1/providers/{id}/verify`: an administrator says that the licence was verified.

use serde::Deserialize;
use shared::domain::provider::Provider;
use shared::prelude::*;
use shared::select_provider;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "verify-provider",
    permission: "providers:verify",
    action: Action::Update,
    resource: ResourceType::Provider,
};

/// The body: nothing to be said.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {}

const VERIFY: &str = "
    update providers set is_verified = true, verified_at = now(), verified_by = actor_user()
    where id = $1 and not is_archived and not is_verified and reach('providers:verify') = 'ALL'
    returning id";
const READ: &str =
    select_provider!("where id = $1 and not is_archived and reach('providers:verify') = 'ALL'");

/// Verifies the provider.
pub async fn handle(call: Call) -> Reply<Json<Provider>> {
    let id: ProviderId = call.path("id")?;
    let Verification {} = call.body()?;
    let mut access = call.authorize(id);
    let (verified, provider): (_, Provider) = access
        .change(sql(VERIFY, &[&id]), sql(READ, &[&id]))
        .await?;
    if !verified {
        return Err(Error::Conflict("the licence is verified already"));
    }
    access.commit(Json(provider)).await
}
