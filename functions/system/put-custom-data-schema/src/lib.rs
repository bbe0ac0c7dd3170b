//! `PUT /v1/custom-data-schemas/{table}`: registers a new version of the JSON Schema for a table's custom data.

use api::prelude::*;
use custom_data::Schema;
use domain::custom_data::{CustomDataSchema, CustomDataTable};
use domain::select_custom_data_schema;
use errors::FieldError;
use serde_json::Value;
use sql::Jsonb;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/custom-data-schemas/{table}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Registers a new version of the JSON Schema for a table's custom data")
    .needs("custom-data:write")
    .recorded_as(Action::Update, ResourceType::CustomDataSchema)
    .conflicts(&[&[CONCURRENT]]);

const CONCURRENT: &str = "Another version was registered at the same time. Read it and try again.";

/// The JSON Schema to register as the next version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchema {
    /// A JSON Schema (draft 2020-12) that describes an object. Fields that it does not name are
    /// refused, unless it allows them. The formats `date`, `date-time`, `duration`, `email`, `hostname`, `ipv4`,
    /// `ipv6`, `time`, `uri`, `uri-reference` and `uuid` are checked, and others are refused. A schema can have 32
    /// different patterns, and references by JSON Pointer.
    pub schema: Value,
}

row! {
    /// The custom data of one row.
    pub struct Stored {
        /// The id of the row.
        pub id: AnyId,
        /// The custom data, which may satisfy an earlier version.
        pub custom_data: Jsonb<Value>,
    }
}

/// The number of rows that one round trip fetches.
const BATCH: i32 = 500;
/// The greatest number of rows that an error lists.
const MOST_NAMED: usize = 100;

const ROWS: &str = "select id, custom_data from custom_data_rows($1, $2, $3)";
// Inserts nothing if the schema is the latest version.
const REGISTER: &str = "
    insert into custom_data_schemas (table_name, version, schema)
    select $1, coalesce(max(version), 0) + 1, $2 from custom_data_schemas where table_name = $1
    having (array_agg(schema order by version desc))[1] is distinct from $2";
const READ: &str =
    select_custom_data_schema!("where table_name = $1 order by version desc limit 1");

/// Refuses a schema that stored custom data does not satisfy, and lists the rows.
pub async fn handle(
    call: Call,
    Path(table): Path<CustomDataTable>,
    Body(new): Body<NewSchema>,
) -> Reply<Json<CustomDataSchema>> {
    let mut access = call.authorize(Search::default());
    access.add_note("table", table.label());
    let mut after: Option<AnyId> = None;
    let mut rows: Vec<Stored> = access.all(sql(ROWS, &[&table, &after, &BATCH])).await?;
    let (schema, strict) = Schema::strict(new.schema, access.permitted().await?)?;
    let mut failing = Vec::new();
    while let Some(last) = rows.last()
        && failing.len() < MOST_NAMED
    {
        after = Some(last.id);
        failing.extend(
            rows.iter()
                .filter(|row| !schema.is_satisfied_by(&row.custom_data.0))
                .map(unsatisfied),
        );
        rows = access.all(sql(ROWS, &[&table, &after, &BATCH])).await?;
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

fn unsatisfied(row: &Stored) -> FieldError {
    let id = row.id;
    FieldError::new(
        "schema",
        format!(
            "expected a schema that the row {id} satisfies: change its custom data or the schema"
        ),
    )
}
