//! Checks custom data against its registered JSON Schema (draft 2020-12). This crate is separate from
//! `shared`, so that a function without custom data contains no validator.
#![warn(missing_docs)]

mod expansion;
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

/// Custom data and the version of the schema that it satisfies, as parameters of a statement. Either
/// both are present or neither.
#[derive(Debug)]
pub struct Accepted {
    /// The value of the column `custom_data`.
    pub data: Option<CustomData>,
    /// The value of the column `custom_data_version`.
    pub version: Option<i32>,
}

/// Checks the custom data of a new row of this table. Takes one round trip to the database if there is
/// custom data, otherwise none. Errors: no schema is registered, or the data doesn't satisfy the latest
/// schema.
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

/// Checks the custom data of a row that a patch changes. If the patch doesn't name `custom_data`, the data
/// keeps its version and isn't checked against the latest schema. Errors: as [`accept`].
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

/// Returns the version of the schema that the data satisfies.
async fn check<T: Target>(
    access: &mut Access<T>,
    table: CustomDataTable,
    data: &CustomData,
) -> Result<i32, Error> {
    let latest: Option<CustomDataSchema> = access.optional(sql(LATEST, &[&table])).await?;
    let latest = latest.ok_or_else(|| {
        Error::invalid(
            "custom_data",
            "expected no custom data, because no schema is registered for this table: leave it out, or \
             register a schema first",
        )
    })?;
    let permitted = access.permitted().await?;
    Schema::compile(latest.schema.0, permitted)?.check(data.value())?;
    Ok(latest.version)
}
