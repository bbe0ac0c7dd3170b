//! `POST /v1/legal-holds/{id}/release`: releases a legal hold and records the reason.

use api::prelude::*;
use domain::retention::LegalHold;
use domain::select_legal_hold;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/legal-holds/{id}/release")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Releases a legal hold and records the reason")
    .needs("legal-holds:write")
    .recorded_as(Action::Update, ResourceType::LegalHold)
    .conflicts(&[&[RELEASED]])
    .idempotent(READ);

const RELEASED: &str = "The legal hold has been released already.";

/// The reason for which a legal hold is released.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRelease {
    /// The reason for the release. It must not contain patient data.
    pub reason: Text<1000>,
}

// A trigger signs the release.
const RELEASE: &str = "
    update legal_holds set release_reason = $1
    where id = $2 and released_at is null and reach('legal-holds:write') = 'ALL'";
const READ: &str = select_legal_hold!("where id = $1 and reach('legal-holds:write') = 'ALL'");

/// Releases the legal hold. What it covered is listed again before it is deleted. Errors: it was released before.
pub async fn handle(
    call: Call,
    Path(id): Path<LegalHoldId>,
    Body(release): Body<HoldRelease>,
) -> Reply<Json<LegalHold>> {
    let mut access = call.authorize(id);
    let Written {
        row: hold,
        is_changed,
    }: Written<LegalHold> = access
        .write_then_read(sql(RELEASE, &[&release.reason, &id]), sql(READ, &[&id]))
        .await?;
    if !is_changed {
        return Err(Error::Conflict(RELEASED));
    }
    access.commit(Json(hold)).await
}
