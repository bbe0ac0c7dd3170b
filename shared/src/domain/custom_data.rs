//! Custom data: fields that a clinic adds to a table, each held to a registered JSON Schema.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::ids::{PatientId, UserId};
use crate::reply::Content;
use crate::row;
use crate::sql::{Jsonb, text_enum};

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
