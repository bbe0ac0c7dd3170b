//! `POST /v1/providers/{id}/verify`: records that a provider's licence was verified, or withdraws the verification.

use api::prelude::*;
use domain::provider::Provider;
use domain::select_provider;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/providers/{id}/verify")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records that a provider's licence was verified, or withdraws the verification")
    .needs("providers:verify")
    .recorded_as(Action::Update, ResourceType::Provider)
    .conflicts(&[&[ALREADY_VERIFIED, NOT_VERIFIED]])
    .idempotent(READ);

const ALREADY_VERIFIED: &str = "The licence is already verified.";
const NOT_VERIFIED: &str = "The licence is not verified, so there is no verification to withdraw.";

/// The result of checking the provider's licence.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Whether the licence is verified. `false` withdraws the verification.
    #[serde(default = "verified")]
    pub is_verified: bool,
    /// The reason for the withdrawal, which the provider can read. It is required if
    /// `is_verified` is `false`, and not accepted otherwise.
    pub reason: Option<Text<500>>,
}

impl Check for Verification {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        match self.is_verified == self.reason.is_none() || !sound.are(&["is_verified"]) {
            true => Ok(()),
            false => Err(Error::invalid(
                "reason",
                "expected a reason if is_verified is false, and none otherwise",
            )),
        }
    }
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
    set is_verified = $1, withdrawal_reason = $2,
      verified_at = case when $1 then now() end, verified_by = case when $1 then actor_user() end
    where id = $3 and is_verified <> $1";
const READ: &str = select_provider!("where id = $1 and not is_archived");

pub async fn handle(
    call: Call,
    Path(id): Path<ProviderId>,
    CheckedBody(Verification {
        is_verified,
        reason,
    }): CheckedBody<Verification>,
    if_match: IfMatch,
) -> Reply<Json<Provider>> {
    let mut access = call.authorize(id);
    access.add_note("is_verified", is_verified);
    // The licence number is still the one that the administrator checked.
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let Written {
        row: provider,
        is_changed,
    }: Written<Provider> = access
        .write_then_read(
            sql(VERIFY, &[&is_verified, &reason, &id]),
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
