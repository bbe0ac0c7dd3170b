//! `POST /v1/providers/{id}/verify`: an administrator says that the licence was verified, or no longer is.

use api::prelude::*;
use domain::provider::Provider;
use domain::select_provider;
use domain::text::Text;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/providers/{id}/verify")
    .named(env!("CARGO_PKG_NAME"))
    .summary("An administrator says that the licence was verified, or no longer is")
    .needs("providers:verify")
    .recorded_as(Action::Update, ResourceType::Provider)
    .conflicts(&[&[ALREADY_VERIFIED, NOT_VERIFIED]])
    .idempotent();

const ALREADY_VERIFIED: &str = "The licence is already verified.";
const NOT_VERIFIED: &str = "The licence is not verified, so there is no verification to withdraw.";

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
    where id = $1 and is_verified <> $2";
const READ: &str = select_provider!("where id = $1");

/// Verifies the provider, or withdraws that.
pub async fn handle(
    call: Call,
    Path(id): Path<ProviderId>,
    Body(Verification {
        is_verified,
        reason,
    }): Body<Verification>,
    if_match: IfMatch,
) -> Reply<Json<Provider>> {
    // Another licence than the one that was looked at is not verified.
    if is_verified == reason.is_some() {
        return Err(Error::invalid(
            "reason",
            "expected with a withdrawal, and only then",
        ));
    }
    let mut access = call.authorize(id);
    access.add_note("is_verified", is_verified);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let Written {
        row: provider,
        is_changed,
    }: Written<Provider> = access
        .write_then_read(
            sql(VERIFY, &[&id, &is_verified, &reason]),
            sql(READ, &[&id]),
        )
        .await?;
    if !is_changed {
        return Err(Error::Conflict(if is_verified {
            ALREADY_VERIFIED
        } else {
            NOT_VERIFIED
        }));
    }
    access.commit(Json(provider)).await
}
