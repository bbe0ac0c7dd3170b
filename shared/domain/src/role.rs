//! Roles: what their holders may do, as data (seed B).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::disclosure::Content;
use crate::ids::PatientId;
use sql::row;
use sql::{Jsonb, text_enum};

text_enum! {
    /// How far a permission reaches.
    pub enum Reach: "SCREAMING_SNAKE_CASE" {
        /// One's own.
        Own,
        /// Patients in care.
        Care,
        /// Everybody's.
        All,
    }
}

row! {
    /// A role as answered.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Role {
        /// Its name.
        pub name: String,
        /// What it is for.
        pub description: String,
        /// Each permission, with its reach.
        pub permissions: Jsonb<BTreeMap<String, Reach>>,
        /// Counts its changes.
        pub version: i32,
    }
}

impl Content for Role {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// `select …` of a [`Role`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_role {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select name, description, coalesce(
               (select jsonb_object_agg(permission, reach) from role_permissions where role = name),
               '{}') as permissions, version
             from roles ",
            $($rest),+
        )
    };
}
