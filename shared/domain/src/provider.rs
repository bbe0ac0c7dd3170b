//! Providers: the identity of a user of role PROVIDER, joined with their licence and working hours.

use crate::time::{Date, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::Jsonb;

use super::custom_data::CustomData;
use super::schedule::Schedule;
use super::text::{Identifier, Line};
use crate::disclosure::Content;
use crate::ids::{PatientId, ProviderId, UserId};
use errors::Error;
use sql::row;

/// A professional qualification of a provider.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certification {
    /// The name of the qualification, for example `Board certification in cardiology`.
    pub name: Line<200>,
    /// The organization that issued the qualification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Line<200>>,
    /// The number of the certificate, as its issuer assigned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Identifier<100>>,
    /// The date on which the qualification was issued, for example `2018-09-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_on: Option<Date>,
    /// The date on which the qualification expires. Absent if it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<Date>,
}

row! {
    /// A provider, such as a physician, with their name, licence and working hours.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Provider {
        /// The id of the provider, a UUID.
        pub id: ProviderId,
        /// The id of the provider's user account.
        pub user_id: UserId,
        /// The given name of the provider. Null if the provider has only a family name.
        pub first_name: Option<String>,
        /// The family name of the provider. Null if the provider has only a given name.
        pub last_name: Option<String>,
        /// The number of the provider's professional licence, which no other provider has.
        pub license_number: String,
        /// The medical specialties of the provider, for example `Cardiology`. Empty if none are
        /// stored.
        pub specialties: Vec<String>,
        /// The professional qualifications of the provider. Null if none are stored.
        pub certifications: Option<Jsonb<Vec<Certification>>>,
        /// The hours in which appointments with the provider can be booked. Null if none are set.
        pub schedule: Option<Jsonb<Schedule>>,
        /// The mean of the patients' ratings, from 1 (worst) to 5 (best). Null if there are no
        /// ratings.
        #[schemars(range(min = 1.0, max = 5.0))]
        pub rating: Option<f64>,
        /// The number of ratings that `rating` is the mean of.
        #[schemars(range(min = 0))]
        pub total_reviews: i32,
        /// Whether an administrator has verified the licence. Only verified providers can be booked
        /// for future appointments.
        pub is_verified: bool,
        /// Additional fields that the clinic defines, valid against the JSON Schema registered for
        /// `providers`. Null if there are none.
        pub custom_data: Option<CustomData>,
        /// The version of the JSON Schema that `custom_data` satisfies. Null if `custom_data` is
        /// null.
        #[schemars(range(min = 1))]
        pub custom_data_version: Option<i32>,
        /// The time at which the provider was registered (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change of the provider (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// Whether the provider is archived. `DELETE` archives a provider and never erases them.
        pub is_archived: bool,
        /// The version number of the provider: it starts at 1 and grows by 1 with each change. The
        /// `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
        /// The time at which the licence was verified (RFC 3339, UTC). Null while it is not
        /// verified.
        pub verified_at: Option<Timestamp>,
        /// The user who verified the licence. Null while it is not verified.
        pub verified_by: Option<UserId>,
        /// The reason why the verification of the licence was withdrawn. Only the provider and
        /// users who can verify licences see it. Null for everyone else and if the verification was
        /// not withdrawn.
        pub withdrawal_reason: Option<String>,
    }
}

impl Content for Provider {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// The details of the 409 responses that [`provider_rule`] can return.
pub const PROVIDER_CONFLICTS: &[&str] = &[LICENSE_NUMBER_TAKEN];

const LICENSE_NUMBER_TAKEN: &str = "Another provider already has this license_number.";

/// The error for a violation of the named constraint on providers. None if the constraint isn't one of them.
pub fn provider_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "providers_license_number_key" => Error::AlreadyExists(LICENSE_NUMBER_TAKEN),
        "providers_specialties_count" => {
            Error::invalid("specialties", "expected at most 50 specialties")
        }
        "providers_schedule_time_zone" => Error::invalid(
            "schedule.time_zone",
            "expected the full name of an IANA time zone that PostgreSQL knows",
        ),
        "providers_schedule_horizon" => Error::invalid(
            "schedule.horizon_days",
            "expected a booking horizon that is longer than the minimum notice of lead_minutes",
        ),
        _ => return None,
    })
}

/// A `select` statement for a [`Provider`]. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_provider {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, user_id, first_name, last_name, license_number, specialties, certifications,
               schedule, rating, total_reviews, is_verified, custom_data, custom_data_version,
               created_at, updated_at, is_archived, version, verified_at, verified_by,
               withdrawal_reason
             from provider_profiles ",
            $($rest),+
        )
    };
}
