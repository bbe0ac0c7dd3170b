//! `GET /v1/users/{id}`: one user's profile.

use api::prelude::*;
use domain::select_user;
use domain::user::User;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/users/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("One user's profile")
    .needs("users:read")
    .recorded_as(Action::Read, ResourceType::User);

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
pub async fn handle(
    call: Call,
    Path(id): Path<UserId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<User>> {
    let mut access = call.authorize(id);
    let user: User = access
        .one(sql(GET, &[&id, &filter.include_archived]))
        .await?;
    access.commit(Json(user)).await
}
