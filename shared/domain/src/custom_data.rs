//! Custom data: fields that a clinic adds to the rows of a table. They must satisfy a registered JSON
//! Schema.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::disclosure::Content;
use crate::ids::{PatientId, UserId};
use crate::time::Timestamp;
use sql::row;
use sql::{Jsonb, delegate_sql, text_enum};

text_enum! {
    /// The tables that can have custom data.
    pub enum CustomDataTable: "snake_case" {
        /// The custom data of users.
        UserProfiles,
        /// The custom data of patients.
        Patients,
        /// The custom data of providers.
        Providers,
        /// The custom data of appointments.
        Appointments,
        /// The custom data of medical records.
        MedicalRecords,
        /// The custom data of files.
        FileMetadata,
    }
}

/// Additional fields that the clinic defines. The object is valid against the JSON Schema
/// registered for its table. Numbers keep all their digits.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>")]
#[schemars(extend("examples" = [{"insurance_group": "A-17"}]))]
pub struct CustomData(Jsonb<Value>);

impl CustomData {
    /// The fields as a JSON object.
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
    /// One version of the JSON Schema for a table's custom data.
    #[derive(Debug, Serialize, JsonSchema)]
    pub struct CustomDataSchema {
        /// The table to which the JSON Schema applies.
        pub table_name: CustomDataTable,
        /// The version number of the JSON Schema. The first one has number 1.
        #[schemars(range(min = 1))]
        pub version: i32,
        /// The JSON Schema (draft 2020-12) that custom data must satisfy.
        pub schema: Jsonb<Value>,
        /// The user who registered this version.
        pub registered_by: UserId,
        /// The time at which this version was registered (RFC 3339, UTC).
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

/// A `select` statement for a [`CustomDataSchema`]. The arguments are appended to it, for example a
/// `where` clause.
#[macro_export]
macro_rules! select_custom_data_schema {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select table_name, version, schema, registered_by, registered_at from custom_data_schemas ",
            $($rest),+
        )
    };
}
