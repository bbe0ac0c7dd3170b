//! Custom data against its registered JSON Schema (draft 2020-12). Apart from `shared`, so that a
//! function without custom data carries no validator.

mod schema;

use api::access::Access;
use api::input::Patch;
use api::target::Target;
use domain::custom_data::{CustomData, CustomDataSchema, CustomDataTable};
use domain::select_custom_data_schema;
use errors::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sql::sql;

pub use schema::Schema;

const LATEST: &str =
    select_custom_data_schema!("where table_name = $1 order by version desc limit 1");

/// Custom data and the version of the schema that it satisfied, as a statement takes them; both or
/// neither.
#[derive(Debug)]
pub struct Accepted {
    /// For `custom_data`.
    pub data: Option<CustomData>,
    /// For `custom_data_version`.
    pub version: Option<i32>,
}

/// Checks what is to be stored in a new row of this table. Costs a round trip where there is custom
/// data, nothing where there is none. Errors: no schema is registered, or the data doesn't satisfy the
/// latest.
pub async fn accept<T: Target>(
    access: &mut Access<T>,
    table: CustomDataTable,
    data: Option<CustomData>,
) -> Result<Accepted, Error> {
    let version = match &data {
        Some(data) => Some(check(access, table, data).await?),
        None => None,
    };
    Ok(Accepted { data, version })
}

/// The same of a row that a patch changes. Data that the patch doesn't name stays with the version
/// that it satisfied, whatever the latest says.
pub async fn accept_change<T: Target, E: Serialize + DeserializeOwned>(
    access: &mut Access<T>,
    table: CustomDataTable,
    patch: &Patch<E>,
    data: Option<CustomData>,
    version: Option<i32>,
) -> Result<Accepted, Error> {
    if patch.names("custom_data") {
        accept(access, table, data).await
    } else {
        Ok(Accepted { data, version })
    }
}

/// Answers the version that it satisfies.
async fn check<T: Target>(
    access: &mut Access<T>,
    table: CustomDataTable,
    data: &CustomData,
) -> Result<i32, Error> {
    let latest: Option<CustomDataSchema> = access.optional(sql(LATEST, &[&table])).await?;
    let latest = latest.ok_or_else(|| {
        Error::invalid(
            "custom_data",
            "expected none: no schema is registered for it",
        )
    })?;
    Schema::compile(&latest.schema.0)?.check(data.value())?;
    Ok(latest.version)
}
