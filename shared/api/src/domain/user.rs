//! Users: the identity common to patients, providers and staff (seed A table 1, seed B).

use crate::sql::Jsonb;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::custom_data::CustomData;
use super::text::{Text, ZoneName};
use crate::errors::Error;
use crate::ids::{PatientId, UserId};
use crate::reply::Content;
use crate::row;
use crate::sql::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// Whether an account may act.
    pub enum UserStatus: "SCREAMING_SNAKE_CASE" {
        /// It may.
        Active,
        /// It may not, for want of use.
        Inactive,
        /// It may not, by decision.
        Suspended,
    }
}

/// A postal address, as FHIR R4 `Address`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Street, number and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub line: Vec<Text<200>>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Text<100>>,
    /// State or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<100>>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<Text<20>>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Text<100>>,
}

/// How to reach the user.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContactMethod {
    /// E-mail.
    Email,
    /// A call.
    Phone,
    /// A text message.
    Sms,
}

/// What the user prefers (seed B).
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preferences {
    /// A BCP 47 language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Text<35>>,
    /// For times shown to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<ZoneName>,
    /// How to reach the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_method: Option<ContactMethod>,
}

row! {
    /// A user as answered.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct User {
        /// The Supabase `sub`.
        pub id: UserId,
        /// The sign-in e-mail.
        pub username: String,
        /// Where notices go, if elsewhere.
        pub notification_email: Option<String>,
        /// Given name.
        pub first_name: String,
        /// Family name.
        pub last_name: String,
        /// A name in `roles`.
        pub role: String,
        /// Whether the account may act.
        pub status: UserStatus,
        /// Telephone number.
        pub phone: Option<String>,
        /// Postal address.
        pub address: Option<Jsonb<Address>>,
        /// Preferences.
        pub preferences: Option<Jsonb<Preferences>>,
        /// The clinic's own fields.
        pub custom_data: Option<CustomData>,
        /// The version of the registered schema that they satisfied.
        pub custom_data_version: Option<i32>,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it last changed.
        pub updated_at: Timestamp,
        /// Whether it was deleted.
        pub is_archived: bool,
        /// Counts its changes.
        pub version: i32,
        /// Whose chart the account belongs to, for the audit row alone.
        #[serde(skip)]
        pub patient: Option<PatientId>,
    }
}

impl Content for User {
    fn patients(&self) -> Vec<PatientId> {
        self.patient.into_iter().collect()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// What the database says of a user that can't be kept so, in the client's words, by the name of the
/// constraint.
pub fn user_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "user_profiles_username_key" => Error::AlreadyExists("a user with this username exists"),
        "user_profiles_role_fkey" => Error::invalid("role", "expected the name of a role"),
        "user_profiles_role_personal" => Error::invalid("role", "expected a role for people"),
        _ => return None,
    })
}

/// `select …` of a [`User`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_user {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, username, notification_email, first_name, last_name, role, status::text,
               phone, address, preferences, custom_data, custom_data_version,
               created_at, updated_at, is_archived, version, patient_of(id) as patient
             from user_profiles ",
            $($rest),+
        )
    };
}
