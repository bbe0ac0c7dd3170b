//! `GET /v1/providers`: lists the providers by name.

use api::prelude::*;
use domain::provider::Provider;
use domain::select_provider;
use domain::text::Line;
use sql::{FromRow, postgres};

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/providers")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the providers by name")
    .needs("providers:read")
    .recorded_as(Action::Search, ResourceType::Provider);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only providers with these words in their name are listed. The words can be beginnings of words, in any order.
    /// Case, accents, apostrophes and hyphens make no difference.
    pub name: Option<Line<201>>,
    /// Only the provider with this user account is listed.
    pub user_id: Option<UserId>,
    /// Only providers with exactly this specialty are listed, for example `Cardiology`.
    pub specialty: Option<Line<100>>,
    /// Only providers with a verified licence are listed if this is `true`, and only the others if it
    /// is `false`.
    pub is_verified: Option<bool>,
    /// Whether archived providers are listed too. By default they are not. Only users who register
    /// providers can see them.
    pub include_archived: Option<bool>,
}

// The index of names has the accounts of all providers in the order of the list.
const LIST: &str = concat!(
    "select provider.*, listed.sort_name
     from (
       select u.id, u.sort_name
       from user_profiles u join providers v on v.user_id = u.id
       where u.role = 'PROVIDER'
         and (not v.is_archived or ($1 and reach('providers:write') in ('SOURCE', 'ALL')))
         and ($2::text is null or v.specialties @> array[$2])
         and ($3::boolean is null or v.is_verified = $3)
         and ($4::text is null or u.id = any (array(select providers_named($4))))
         and ($5::uuid is null or v.user_id = $5)
         and ($6::text is null or (u.sort_name, u.id) > ($6, $7))
       order by u.sort_name, u.id
       limit $8
     ) as listed
     cross join lateral (",
    select_provider!("where user_id = listed.id"),
    ") as provider order by listed.sort_name, listed.id",
);

pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(String, UserId)>,
) -> Reply<Json<Page<Provider>>> {
    let (after_name, after_id) = page.after().cloned().unzip();
    let mut access = call.authorize(Search::default());
    let listed: Vec<Listed> = access
        .all(sql(
            LIST,
            &[
                &filter.include_archived.unwrap_or(false),
                &filter.specialty,
                &filter.is_verified,
                &filter.name,
                &filter.user_id,
                &after_name,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    let listed = page.page(listed, |listed| {
        (listed.sort_name.clone(), listed.provider.user_id)
    });
    access
        .commit(Json(listed.map(|listed| listed.provider)))
        .await
}

/// A provider with the name by which they are sorted. The next page begins behind it, even if the provider is renamed
/// meanwhile.
#[derive(Serialize)]
struct Listed {
    provider: Provider,
    sort_name: String,
}

impl FromRow for Listed {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            provider: Provider::from_row(row)?,
            sort_name: row.try_get("sort_name")?,
        })
    }
}
