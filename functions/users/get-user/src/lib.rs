//! `GET /v1/users/{id}`: reads a user account.

use api::prelude::*;
use domain::select_user;
use domain::user::User;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/users/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a user account")
    .needs("users:read")
    .recorded_as(Action::Read, ResourceType::User);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether an archived account is returned too. By default it is not. Only users who manage accounts
    /// can see archived accounts.
    #[serde(default)]
    pub include_archived: bool,
}

// Row-level security also shows the names of patients and providers. Only users who manage accounts see
// the whole account of another user.
const GET: &str = select_user!(
    "where id = $1
       and (id = actor_user() or reach('users:read') = 'ALL'
         or reach('users:read') = 'SOURCE' and source_system = actor_source())
       and ($2 and reach('users:list') in ('SOURCE', 'ALL') or not is_archived)"
);

pub async fn handle(
    call: Call,
    Path(id): Path<UserId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<User>> {
    call.authorize(id)
        .read(sql(GET, &[&id, &filter.include_archived]))
        .await
}
