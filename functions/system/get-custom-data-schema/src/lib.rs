//! `GET /v1/custom-data-schemas/{table}`: the JSON Schema of a table's custom data, the latest or one before.

use serde::Deserialize;
use shared::domain::custom_data::{CustomDataSchema, CustomDataTable};
use shared::prelude::*;
use shared::select_custom_data_schema;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "get-custom-data-schema",
    permission: "custom-data:read",
    action: Action::Read,
    resource: ResourceType::CustomDataSchema,
};

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Which version; the latest where none is named.
    pub version: Option<i32>,
}

const GET: &str = select_custom_data_schema!(
    "where table_name = $1 and ($2::int is null or version = $2) order by version desc limit 1"
);

/// Answers the schema.
pub async fn handle(call: Call) -> Reply<Json<CustomDataSchema>> {
    let table: CustomDataTable = call.path("table")?;
    let query: Query = call.query()?;
    let mut access = call.authorize(Search::default());
    access.note("table", table.label());
    let schema: CustomDataSchema = access.one(sql(GET, &[&table, &query.version])).await?;
    access.commit(Json(schema)).await
}
