//! `GET /v1/custom-data-schemas/{table}`: the JSON Schema of a table's custom data, the latest or one before.

use api::prelude::*;
use domain::custom_data::{CustomDataSchema, CustomDataTable};
use domain::select_custom_data_schema;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/custom-data-schemas/{table}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("The JSON Schema of a table's custom data, the latest or one before")
    .needs("custom-data:read")
    .recorded_as(Action::Read, ResourceType::CustomDataSchema);

/// The filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Which version; the latest where none is named.
    pub version: Option<i32>,
}

const GET: &str = select_custom_data_schema!(
    "where table_name = $1 and ($2::int is null or version = $2) order by version desc limit 1"
);

/// Answers the schema.
pub async fn handle(
    call: Call,
    Path(table): Path<CustomDataTable>,
    Query(filter): Query<Filter>,
) -> Reply<Json<CustomDataSchema>> {
    let mut access = call.authorize(Search::default());
    access.add_note("table", table.label());
    let schema: CustomDataSchema = access.one(sql(GET, &[&table, &filter.version])).await?;
    access.commit(Json(schema)).await
}
