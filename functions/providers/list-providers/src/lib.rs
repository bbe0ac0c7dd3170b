//! `GET /v1/providers`: lists the providers.

use api::prelude::*;
use domain::provider::Provider;
use domain::select_provider;
use domain::text::Line;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/providers")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the providers")
    .needs("providers:read")
    .recorded_as(Action::Search, ResourceType::Provider);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only providers with exactly this specialty are listed, for example `Cardiology`.
    pub specialty: Option<Line<100>>,
    /// Only providers with a verified licence are listed if this is `true`, and only the others if it
    /// is `false`.
    pub is_verified: Option<bool>,
    /// Whether archived providers are listed too. By default they are not. Only users who register
    /// providers can see them.
    pub include_archived: Option<bool>,
}

const LIST: &str = select_provider!(
    "where (not is_archived or ($1 and reach('providers:write') = 'ALL'))
       and ($2::text is null or specialties @> array[$2])
       and ($3::boolean is null or is_verified = $3)
       and ($4::uuid is null or id > $4)
     order by id
     limit $5"
);

pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<ProviderId>,
) -> Reply<Json<Page<Provider>>> {
    let mut access = call.authorize(Search::default());
    let providers: Vec<Provider> = access
        .all(sql(
            LIST,
            &[
                &filter.include_archived.unwrap_or(false),
                &filter.specialty,
                &filter.is_verified,
                &page.after().copied(),
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(providers, |provider| provider.id)))
        .await
}
