//! `DELETE /v1/users/{id}`: archives a user account, which can then no longer use the API.

use api::prelude::*;
use domain::select_user;
use domain::user::User;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/users/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Archives a user account, which can then no longer use the API")
    .needs("users:write")
    .recorded_as(Action::Delete, ResourceType::User)
    .conflicts(&[
        &[OWN_ACCOUNT, HAS_FUTURE_APPOINTMENTS],
        &[CHANGED_SINCE_IMPORT],
    ]);

const OWN_ACCOUNT: &str = "Users cannot archive their own account.";
const HAS_FUTURE_APPOINTMENTS: &str =
    "The user has future appointments as patient or provider. Cancel them first.";

const CURRENT: &str = "
    select version from user_profiles
    where id = $1 and (reach('users:write') = 'ALL' or reach('users:write') = 'SOURCE' and source_system = actor_source()) and not is_archived
    for update";
const ARCHIVE: &str = "
    update user_profiles set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_user!("where id = $1");

/// The user's data as a patient or provider is kept and is not archived.
pub async fn handle(call: Call, Path(id): Path<UserId>, if_match: IfMatch) -> Reply<Json<User>> {
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let user: User = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraint("user_profiles_not_oneself", Error::Conflict(OWN_ACCOUNT))
        .on_constraint(
            "user_profiles_without_visits",
            Error::Conflict(HAS_FUTURE_APPOINTMENTS),
        )?
        .row;
    access.commit(Json(user)).await
}
