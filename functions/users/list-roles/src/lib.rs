//! `GET /v1/roles`: the roles, each with its permissions and their reach.

use serde::Deserialize;
use shared::domain::role::Role;
use shared::prelude::*;
use shared::select_role;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "list-roles",
    permission: "roles:read",
    action: Action::Search,
    resource: ResourceType::Role,
};

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

const LIST: &str = select_role!(
    "where reach('roles:read') = 'ALL' and ($1::text is null or name > $1) order by name limit $2"
);

/// Answers the page.
pub async fn handle(call: Call) -> Reply<Json<Page<Role>>> {
    let filter: Filter = call.query()?;
    let page = call.page::<String>(filter.limit, filter.cursor.as_deref())?;
    let mut access = call.authorize(Search::default());
    let roles: Vec<Role> = access
        .all(sql(LIST, &[&page.after().cloned(), &page.fetch()]))
        .await?;
    access
        .commit(Json(page.page(roles, |role| role.name.clone())))
        .await
}
