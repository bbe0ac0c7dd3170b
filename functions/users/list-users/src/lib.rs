//! `GET /v1/users`: lists the user accounts.

use api::prelude::*;
use domain::select_user;
use domain::text::Identifier;
use domain::user::{User, UserStatus};

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/users")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the user accounts")
    .needs("users:list")
    .recorded_as(Action::Search, ResourceType::User);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only users with this role are listed, for example `PROVIDER`.
    pub role: Option<Identifier<50>>,
    /// Only accounts with this status are listed.
    pub status: Option<UserStatus>,
    /// Whether only accounts are listed for which something waits for approval. By default all are.
    #[serde(default)]
    pub is_proposed: bool,
    /// Only accounts of people who were imported from this system.
    pub source_system: Option<Identifier<255>>,
    /// Only the account of the person with this identifier in the system they were imported from.
    pub external_id: Option<Identifier<255>>,
    /// Whether archived accounts are listed too. By default they are not.
    #[serde(default)]
    pub include_archived: bool,
}

const LIST: &str = select_user!(
    "where (reach('users:list') = 'ALL' or reach('users:list') = 'SOURCE' and source_system = actor_source())
       and ($1::text is null or role = $1)
       and ($2::text is null or status = $2::text::user_status)
       and ($3 or not is_archived)
       and (not $4 or proposed_by is not null)
       and ($5::text is null or source_system = $5)
       and ($6::text is null or external_id = $6)
       and ($7::uuid is null or id > $7)
     order by id
     limit $8"
);

pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<UserId>,
) -> Reply<Json<Page<User>>> {
    let mut access = call.authorize(Search::default());
    let users: Vec<User> = access
        .all(sql(
            LIST,
            &[
                &filter.role,
                &filter.status,
                &filter.include_archived,
                &filter.is_proposed,
                &filter.source_system,
                &filter.external_id,
                &page.after().copied(),
                &page.fetch(),
            ],
        ))
        .await?;
    access.commit(Json(page.page(users, |user| user.id))).await
}
