//! `GET /v1/users/{id}`: one user's profile.

use serde::Deserialize;
use shared::domain::user::User;
use shared::prelude::*;
use shared::select_user;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "get-user",
    permission: "users:read",
    action: Action::Read,
    resource: ResourceType::User,
};

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// An archived one, too, for who keeps the accounts.
    #[serde(default)]
    pub include_archived: bool,
}

// Row-level security also shows the identity behind each patient and provider; whole profiles are
// for the user and for who keeps the accounts.
const GET: &str = select_user!(
    "where id = $1 and (id = actor_user() or reach('users:read') = 'ALL')
       and ($2 and reach('users:list') = 'ALL' or not is_archived)"
);

/// Answers the user.
pub async fn handle(call: Call) -> Reply<Json<User>> {
    let id: UserId = call.path("id")?;
    let filter: Filter = call.query()?;
    let mut access = call.authorize(id);
    let user: User = access
        .one(sql(GET, &[&id, &filter.include_archived]))
        .await?;
    access.commit(Json(user)).await
}
