//! `POST /v1/users/{id}/approve`: approves or rejects what another administrator proposed for an account.

use api::prelude::*;
use domain::select_user;
use domain::user::User;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/users/{id}/approve")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Approves or rejects what another administrator proposed for an account")
    .needs("users:approve")
    .recorded_as(Action::Update, ResourceType::User)
    .conflicts(&[&[NOTHING_PROPOSED]])
    .idempotent(READ);

const NOTHING_PROPOSED: &str = "Nothing is proposed for this account.";

/// The decision on the proposal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whether the proposal is approved. Approval lets the account act in its role and links the
    /// proposed sign-in. Rejection drops the proposed sign-in and closes an account that waits.
    pub is_approved: bool,
}

row! {
    /// Who proposed what was decided.
    pub struct Proposal {
        /// None if nothing is proposed.
        pub proposed_by: Option<UserId>,
    }
}

const CURRENT: &str = "
    select version, proposed_by from user_profiles
    where id = $1 and not is_archived and reach('users:approve') = 'ALL' and keeps_role(role)
    for update";
const DECIDE: &str = "select decide_on_user($1, $2)";
const READ: &str = select_user!("where id = $1");

pub async fn handle(
    call: Call,
    Path(id): Path<UserId>,
    Body(decision): Body<Decision>,
    if_match: IfMatch,
) -> Reply<Json<User>> {
    let mut access = call.authorize(id);
    access.add_note("is_approved", decision.is_approved);
    // The account is still the one that the caller looked at.
    let current: Current<(), Proposal> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let proposer = current.extra.proposed_by;
    access.add_note(
        "proposed_by",
        proposer
            .ok_or(Error::Conflict(NOTHING_PROPOSED))?
            .to_string(),
    );
    let user: User = access
        .write_then_read(
            sql(DECIDE, &[&id, &decision.is_approved]),
            sql(READ, &[&id]),
        )
        .await?
        .row;
    access.commit(Json(user)).await
}
