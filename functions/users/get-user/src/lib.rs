//! `GET /v1/users/{id}`: one user's profile.

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

// Row-level security also shows the identity behind each patient and provider; whole profiles are
// for the user and for who keeps the accounts.
const GET: &str = select_user!(
    "where id = $1 and (id = actor_user() or reach('users:read') = 'ALL') and not is_archived"
);

/// Answers the user.
pub async fn handle(call: Call) -> Reply<Json<User>> {
    let id: UserId = call.path("id")?;
    let mut access = call.authorize(id);
    let user: User = access.one(sql(GET, &[&id])).await?;
    access.commit(Json(user)).await
}
