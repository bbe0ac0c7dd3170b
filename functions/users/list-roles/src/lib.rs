//! `GET /v1/roles`: lists the roles with their permissions.

use api::prelude::*;
use domain::role::Role;
use domain::select_role;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/roles")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the roles with their permissions")
    .needs("roles:read")
    .recorded_as(Action::Search, ResourceType::Role);

const LIST: &str = select_role!(
    "where reach('roles:read') = 'ALL' and ($1::text is null or name > $1) order by name limit $2"
);

pub async fn handle(call: Call, page: PageRequest<String>) -> Reply<Json<Page<Role>>> {
    let mut access = call.authorize(Search::default());
    let roles: Vec<Role> = access
        .all(sql(LIST, &[&page.after().cloned(), &page.fetch()]))
        .await?;
    access
        .commit(Json(page.page(roles, |role| role.name.clone())))
        .await
}
