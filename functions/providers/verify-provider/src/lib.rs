//! `POST /v1/providers/{id}/verify`: an administrator says that the licence was verified, or no longer is.

use serde::Deserialize;
use shared::domain::provider::Provider;
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_provider;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "verify-provider",
    permission: "providers:verify",
    action: Action::Update,
    resource: ResourceType::Provider,
};

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Whether it counts as verified; false withdraws that.
    #[serde(default = "verified")]
    pub is_verified: bool,
    /// Why it is withdrawn: she reads it. Needed for that, and for nothing else.
    pub reason: Option<Text<500>>,
}

fn verified() -> bool {
    true
}

const CURRENT: &str = "
    select version from providers
    where id = $1 and not is_archived and reach('providers:verify') = 'ALL'
    for update";
const VERIFY: &str = "
    update providers
    set is_verified = $2, withdrawal_reason = $3,
      verified_at = case when $2 then now() end, verified_by = case when $2 then actor_user() end
    where id = $1 and is_verified <> $2
    returning id";
const READ: &str = select_provider!("where id = $1");

/// Verifies the provider, or withdraws that.
pub async fn handle(call: Call) -> Reply<Json<Provider>> {
    let id: ProviderId = call.path("id")?;
    let Verification {
        is_verified,
        reason,
    } = call.body()?;
    // Another licence than the one that was looked at is not verified.
    let if_match = call.if_match()?;
    if is_verified == reason.is_some() {
        return Err(Error::invalid(
            "reason",
            "expected with a withdrawal, and only then",
        ));
    }
    let mut access = call.authorize(id);
    access.note("is_verified", is_verified);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let (changed, provider): (_, Provider) = access
        .change(
            sql(VERIFY, &[&id, &is_verified, &reason]),
            sql(READ, &[&id]),
        )
        .await?;
    if !changed {
        return Err(Error::Conflict(if is_verified {
            "the licence is verified already"
        } else {
            "the licence is not verified"
        }));
    }
    access.commit(Json(provider)).await
}
