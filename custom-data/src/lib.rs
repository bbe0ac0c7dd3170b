//! Custom data against its registered JSON Schema (draft 2020-12). Apart from `shared`, so that a
//! function without custom data carries no validator.

mod schema;

use serde_json::Value;
use shared::access::Access;
use shared::domain::custom_data::{CustomDataSchema, CustomDataTable};
use shared::errors::Error;
use shared::select_custom_data_schema;
use shared::sql::{Jsonb, sql};
use shared::target::Target;

pub use schema::Schema;

const LATEST: &str =
    select_custom_data_schema!("where table_name = $1 order by version desc limit 1");

/// Custom data that satisfies its table's latest schema, as a statement takes it; both or neither.
#[derive(Debug)]
pub struct Accepted {
    /// For `custom_data`.
    pub data: Option<Jsonb<Value>>,
    /// For `custom_data_version`: the schema that it satisfied.
    pub version: Option<i32>,
}

/// Checks what is to be stored in a row of this table. Costs a round trip where there is custom data,
/// nothing where there is none. Errors: no schema is registered, or the data doesn't satisfy it.
pub async fn accept<T: Target>(
    access: &mut Access<T>,
    table: CustomDataTable,
    data: Option<Value>,
) -> Result<Accepted, Error> {
    let Some(data) = data else {
        return Ok(Accepted {
            data: None,
            version: None,
        });
    };
    let latest: Option<CustomDataSchema> = access.optional(sql(LATEST, &[&table])).await?;
    let latest = latest.ok_or_else(|| {
        Error::invalid(
            "custom_data",
            "expected none: no schema is registered for it",
        )
    })?;
    Schema::compile(&latest.schema.0)?.check(&data)?;
    Ok(Accepted {
        data: Some(Jsonb(data)),
        version: Some(latest.version),
    })
}
