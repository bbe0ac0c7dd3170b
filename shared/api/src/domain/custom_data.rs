//! Custom data: fields that a clinic adds to a table, each held to a registered JSON Schema.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{PatientId, UserId};
use crate::reply::Content;
use crate::row;
use crate::sql::{Jsonb, delegate_sql, text_enum};
use crate::time::Timestamp;

text_enum! {
    /// The tables with custom data.
    pub enum CustomDataTable: "snake_case" {
        /// Identities.
        UserProfiles,
        /// Patients.
        Patients,
        /// Providers.
        Providers,
        /// Visits.
        Appointments,
        /// Entries of charts.
        MedicalRecords,
        /// Files.
        FileMetadata,
    }
}

/// The clinic's own fields, as the registered schema has them.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>")]
#[schemars(extend("examples" = [{"insurance_group": "A-17"}]))]
pub struct CustomData(Jsonb<Value>);

impl CustomData {
    /// As JSON.
    pub fn value(&self) -> &Value {
        &self.0.0
    }
}

impl From<Map<String, Value>> for CustomData {
    fn from(members: Map<String, Value>) -> Self {
        Self(Jsonb(Value::Object(members)))
    }
}

delegate_sql!(CustomData, Jsonb<Value>, tokio_postgres::types::Type::JSONB);

row! {
    /// A version of a table's JSON Schema.
    #[derive(Debug, Serialize, JsonSchema)]
    pub struct CustomDataSchema {
        /// The table.
        pub table_name: CustomDataTable,
        /// Which version, from 1.
        pub version: i32,
        /// The JSON Schema (draft 2020-12).
        pub schema: Jsonb<Value>,
        /// By whom.
        pub registered_by: UserId,
        /// When.
        pub registered_at: Timestamp,
    }
}

impl Content for CustomDataSchema {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// `select …` of a [`CustomDataSchema`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_custom_data_schema {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select table_name, version, schema, registered_by, registered_at from custom_data_schemas ",
            $($rest),+
        )
    };
}
