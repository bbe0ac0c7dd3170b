//! Roles: which permissions their users have, and which resources each permission covers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::disclosure::Content;
use crate::ids::PatientId;
use sql::row;
use sql::{Jsonb, text_enum};

text_enum! {
    /// The set of resources that a permission covers.
    pub enum Reach: "SCREAMING_SNAKE_CASE" {
        /// Only the caller's own resources, such as their profile.
        Own,
        /// The resources of patients in the caller's care: by an assignment, an appointment, a referral or
        /// cover.
        Care,
        /// The resources that the caller's source system brought in. No role made over the API can have it.
        Source,
        /// The resources of everyone.
        All,
    }
}

row! {
    /// A role that a user can have, with its permissions.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Role {
        /// The name of the role, for example `PROVIDER`.
        pub name: String,
        /// The purpose of the role in words.
        pub description: String,
        /// The permissions of the role, each with the set of resources that it covers. For example,
        /// `{"patients:read": "CARE"}`.
        pub permissions: Jsonb<BTreeMap<String, Reach>>,
        /// The version number of the role: it starts at 1 and grows by 1 with each change. The
        /// `ETag` header carries it too.
        #[schemars(range(min = 1))]
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

/// A `select` statement for a [`Role`]. The arguments are appended to it, for example a `where` clause.
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
