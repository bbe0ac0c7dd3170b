//! `GET /v1/users`: the accounts, a page at a time.

use serde::Deserialize;
use shared::domain::text::Text;
use shared::domain::user::{User, UserStatus};
use shared::prelude::*;
use shared::select_user;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "list-users",
    permission: "users:list",
    action: Action::Search,
    resource: ResourceType::User,
};

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// In this role.
    pub role: Option<Text<50>>,
    /// Of this status.
    pub status: Option<UserStatus>,
    /// Archived ones, too.
    #[serde(default)]
    pub include_archived: bool,
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

const LIST: &str = select_user!(
    "where reach('users:list') = 'ALL'
       and ($1::text is null or role = $1)
       and ($2::text is null or status = $2::text::user_status)
       and ($3 or not is_archived)
       and ($4::uuid is null or id > $4)
     order by id
     limit $5"
);

/// Answers the page.
pub async fn handle(call: Call) -> Reply<Json<Page<User>>> {
    let filter: Filter = call.query()?;
    let page = call.page::<UserId>(filter.limit, filter.cursor.as_deref())?;
    let mut access = call.authorize(Search::default());
    let users: Vec<User> = access
        .all(sql(
            LIST,
            &[
                &filter.role,
                &filter.status,
                &filter.include_archived,
                &page.after().copied(),
                &page.fetch(),
            ],
        ))
        .await?;
    access.commit(Json(page.page(users, |user| user.id))).await
}
