//! `GET /v1/custom-data-schemas/{table}`: reads a version of the JSON Schema for a table's custom data.

use api::prelude::*;
use domain::custom_data::{CustomDataSchema, CustomDataTable};
use domain::number::Whole;
use domain::select_custom_data_schema;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/custom-data-schemas/{table}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a version of the JSON Schema for a table's custom data")
    .needs("custom-data:read")
    .recorded_as(Action::Read, ResourceType::CustomDataSchema);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The number of the version to return. Leave it out for the latest version.
    pub version: Option<Whole<1, { i32::MAX }>>,
}

const GET: &str = select_custom_data_schema!(
    "where table_name = $1 and ($2::int is null or version = $2) order by version desc limit 1"
);

pub async fn handle(
    call: Call,
    Path(table): Path<CustomDataTable>,
    Query(filter): Query<Filter>,
) -> Reply<Json<CustomDataSchema>> {
    let mut access = call.authorize(Search::default());
    access.add_note("table", table.label());
    access.read(sql(GET, &[&table, &filter.version])).await
}
