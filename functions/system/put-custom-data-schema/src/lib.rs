//! `PUT /v1/custom-data-schemas/{table}`: registers the next version of a table's JSON Schema.

use api::prelude::*;
use custom_data::Schema;
use domain::custom_data::{CustomDataSchema, CustomDataTable};
use domain::select_custom_data_schema;
use errors::FieldError;
use serde_json::Value;
use sql::Jsonb;
use sql::row;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::put("/v1/custom-data-schemas/{table}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Registers the next version of a table's JSON Schema")
    .needs("custom-data:write")
    .recorded_as(Action::Update, ResourceType::CustomDataSchema)
    .conflicts(&[&[CONCURRENT]]);

const CONCURRENT: &str = "Another version was registered at the same time. Read it and try again.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchema {
    /// A JSON Schema (draft 2020-12) of an object; strict where it doesn't say otherwise.
    pub schema: Value,
}

row! {
    /// A row that has custom data.
    pub struct Stored {
        /// Which.
        pub id: AnyId,
        /// What.
        pub custom_data: Jsonb<Value>,
    }
}

/// Rows a round trip.
const BATCH: i32 = 500;
/// Rows named in a refusal.
const MOST_NAMED: usize = 100;

const ROWS: &str = "select id, custom_data from custom_data_rows($1, $2, $3)";
// The same schema again is no new version.
const REGISTER: &str = "
    insert into custom_data_schemas (table_name, version, schema)
    select $1, coalesce(max(version), 0) + 1, $2 from custom_data_schemas where table_name = $1
    having (array_agg(schema order by version desc))[1] is distinct from $2";
const READ: &str =
    select_custom_data_schema!("where table_name = $1 order by version desc limit 1");

/// Answers the schema as registered. Refuses one that stored rows would not satisfy, and names them.
pub async fn handle(
    call: Call,
    Path(table): Path<CustomDataTable>,
    Body(new): Body<NewSchema>,
) -> Reply<Json<CustomDataSchema>> {
    let (schema, strict) = Schema::strict(new.schema)?;
    let mut access = call.authorize(Search::default());
    access.add_note("table", table.label());
    let mut failing = Vec::new();
    let mut after: Option<AnyId> = None;
    loop {
        let rows: Vec<Stored> = access.all(sql(ROWS, &[&table, &after, &BATCH])).await?;
        failing.extend(
            rows.iter()
                .filter(|row| !schema.is_satisfied_by(&row.custom_data.0))
                .map(named),
        );
        match rows.last() {
            Some(last) if failing.len() < MOST_NAMED => after = Some(last.id),
            _ => break,
        }
    }
    if !failing.is_empty() {
        failing.truncate(MOST_NAMED);
        return Err(Error::Invalid(failing));
    }
    let registered: CustomDataSchema = access
        .write_then_read(
            sql(REGISTER, &[&table, &Jsonb(strict)]),
            sql(READ, &[&table]),
        )
        .await
        .on_constraint("custom_data_schemas_pkey", Error::Conflict(CONCURRENT))?
        .row;
    access.commit(Json(registered)).await
}

fn named(row: &Stored) -> FieldError {
    FieldError {
        field: row.id.to_string(),
        message: "this row would not satisfy the schema".to_owned(),
    }
}
