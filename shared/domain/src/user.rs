//! Users: the identity common to patients, providers and staff.

use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::Jsonb;

use super::custom_data::CustomData;
use super::text::{Line, ZoneName};
use crate::disclosure::Content;
use crate::ids::{PatientId, SubjectId, UserId};
use errors::Error;
use parsing::Sound;
use sql::row;
use sql::text_enum;

text_enum! {
    /// The status of a user account.
    pub enum UserStatus: "SCREAMING_SNAKE_CASE" {
        /// The user can use the API.
        Active,
        /// The account is not in use, and its user can't use the API.
        Inactive,
        /// The account was suspended by decision, and its user can't use the API.
        Suspended,
    }
}

/// A postal address, as FHIR R4 `Address`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The street, the house number and further lines, for example `12 Main Street`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub line: Vec<Line<200>>,
    /// The name of the city, for example `Boston`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Line<100>>,
    /// The state or region, for example `MA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Line<100>>,
    /// The postal code or ZIP code, for example `02118`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<Line<20>>,
    /// The country by name or code, for example `US`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Line<100>>,
}

/// The way in which a user prefers to be contacted.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContactMethod {
    /// The user prefers an e-mail.
    Email,
    /// The user prefers a telephone call.
    Phone,
    /// The user prefers a text message.
    Sms,
}

/// The preferences of a user for language, time zone and contact.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preferences {
    /// The preferred language as a BCP 47 language tag, for example `es-MX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Line<35>>,
    /// The IANA time zone in which times are shown to the user, for example `America/New_York`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<ZoneName>,
    /// The way in which the user prefers to be contacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_method: Option<ContactMethod>,
}

row! {
    /// A user account: the identity common to patients, providers and staff.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct User {
        /// The id of the user, a UUID.
        pub id: UserId,
        /// The sign-in that the account is linked to: the `sub` claim of the user's Supabase access
        /// tokens, a UUID. Null if the user can't sign in yet.
        pub subject: Option<SubjectId>,
        /// The e-mail address with which the user signs in. Null if they have none.
        pub username: Option<String>,
        /// The e-mail address for notifications. Null if notifications go to `username`.
        pub notification_email: Option<String>,
        /// The given name of the user. Null if the user has only a family name.
        pub first_name: Option<String>,
        /// The family name of the user. Null if the user has only a given name.
        pub last_name: Option<String>,
        /// The name of the user's role, for example `PATIENT`.
        pub role: String,
        /// The status of the account. Only a user with an active account can use the API.
        pub status: UserStatus,
        /// Whether the account waits for a second administrator's approval of its role. Until then its
        /// user can't use the API.
        pub awaits_approval: bool,
        /// The sign-in that a second administrator has yet to approve, a UUID. Null if none is proposed.
        pub proposed_subject: Option<SubjectId>,
        /// The user who proposed what waits for approval. Null if nothing does.
        pub proposed_by: Option<UserId>,
        /// The system that the person was imported from, a URI. Null if they were not imported.
        pub source_system: Option<String>,
        /// The identifier of the person in the system they were imported from. Null if they were not imported.
        pub external_id: Option<String>,
        /// The source system from which the user imports data, a URI. Null for all roles but `IMPORTER`.
        pub imports_from: Option<String>,
        /// The time at which the account of an importer ends (RFC 3339, UTC). Null for all other accounts.
        pub access_ends_at: Option<Timestamp>,
        /// Whether a visit that the user imports puts the patient into the care of its provider.
        pub visits_give_care: bool,
        /// The telephone number of the user, for example `+1 617 555 0100`. Null if none is stored.
        pub phone: Option<String>,
        /// The postal address of the user. Null if none is stored.
        pub address: Option<Jsonb<Address>>,
        /// The user's preferences for language, time zone and contact. Null if none are stored.
        pub preferences: Option<Jsonb<Preferences>>,
        /// Additional fields that the clinic defines, valid against the JSON Schema registered for
        /// `user_profiles`. Null if there are none.
        pub custom_data: Option<CustomData>,
        /// The version of the JSON Schema that `custom_data` satisfies. Null if `custom_data` is
        /// null.
        #[schemars(range(min = 1))]
        pub custom_data_version: Option<i32>,
        /// The time at which the account was created (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change of the account (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// Whether the account is archived. `DELETE` archives an account and never erases it.
        pub is_archived: bool,
        /// The version number of the account: it starts at 1 and grows by 1 with each change. The
        /// `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
        /// The patient whom the account belongs to. It is used for the audit row and is not part of
        /// the answer.
        #[serde(skip)]
        pub patient: Option<PatientId>,
        /// Whether one person did alone in this transaction what should need two. The audit row says so;
        /// the answer doesn't.
        #[serde(skip)]
        pub acted_alone: bool,
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

/// The details of the 409 responses that [`user_rule`] can return.
pub const USER_CONFLICTS: &[&str] = &[USERNAME_TAKEN, SUBJECT_TAKEN];

const USERNAME_TAKEN: &str = "A user with this username already exists.";
const SUBJECT_TAKEN: &str = "This sign-in is linked to another user already.";

/// Refuses a user without any name. A person may have only one, which is their given or their family name.
pub fn check_name<T>(
    first_name: Option<&T>,
    last_name: Option<&T>,
    sound: &Sound<'_>,
) -> Result<(), Error> {
    let is_known = sound.are(&["first_name", "last_name"]);
    match is_known && first_name.is_none() && last_name.is_none() {
        false => Ok(()),
        true => Err(Error::invalid(
            "last_name",
            "expected a name if `first_name` is absent",
        )),
    }
}

/// The error for a violation of the named constraint on users. None if the constraint isn't one of them.
pub fn user_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "user_profiles_username_key" => Error::AlreadyExists(USERNAME_TAKEN),
        "user_profiles_subject_key" => Error::AlreadyExists(SUBJECT_TAKEN),
        "user_profiles_role_fkey" => {
            Error::invalid("role", "expected the name of an existing role")
        }
        "user_profiles_importer" => Error::invalid(
            "role",
            "expected imports_from and access_ends_at with the role IMPORTER, and with no other role; an account can't \
             begin or cease to be one of an importer",
        ),
        "user_profiles_access_ends_at_range" => Error::invalid(
            "access_ends_at",
            "expected a time in the future, at most 30 days from now",
        ),
        "user_profiles_visits_give_care" => Error::invalid(
            "visits_give_care",
            "expected false, because the account isn't one of an importer",
        ),
        "user_profiles_role_personal" => Error::invalid(
            "role",
            "expected a role other than SYSTEM, which is reserved for functions",
        ),
        _ => return None,
    })
}

/// Checks that a caller with this reach can change these fields of an account: all of them with ALL, those that an import
/// writes with SOURCE, and those of their own account with OWN. Errors: they can't.
pub fn check_fields(reach: &str, fields: &[String]) -> Result<(), Error> {
    let known: &[&str] = match reach {
        "ALL" => return Ok(()),
        "SOURCE" => &[
            "first_name",
            "last_name",
            "phone",
            "notification_email",
            "address",
            "preferences",
        ],
        _ => &["notification_email", "phone", "address", "preferences"],
    };
    match fields.iter().all(|field| known.contains(&field.as_str())) {
        true => Ok(()),
        false => Err(Error::Forbidden(
            "Users can change only notification_email, phone, address and preferences of their own account, and an \
             importer only these fields and the name of people from their source system.",
        )),
    }
}

/// The details of the 409 responses that [`role_rule`] can return.
pub const ROLE_CONFLICTS: &[&str] = &[OWN_ROLE, PATIENT_KEEPS_ROLE, PROVIDER_KEEPS_ROLE];

const OWN_ROLE: &str = "Users cannot change their own role or status.";
const PATIENT_KEEPS_ROLE: &str = "A user registered as a patient must keep the PATIENT role.";
const PROVIDER_KEEPS_ROLE: &str = "A user registered as a provider must keep the PROVIDER role.";

/// The error for a change of an account that violates the named constraint on roles. None if the constraint isn't one of
/// them.
pub fn role_rule(constraint: &str) -> Option<Error> {
    Some(Error::Conflict(match constraint {
        "user_profiles_not_oneself" => OWN_ROLE,
        "patients_user_is_patient" => PATIENT_KEEPS_ROLE,
        "providers_user_is_provider" => PROVIDER_KEEPS_ROLE,
        _ => return None,
    }))
}

/// A `select` statement for a [`User`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_user {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, subject, username, notification_email, first_name, last_name, role, status::text,
               awaits_approval, proposed_subject, proposed_by,
               source_system, external_id, imports_from, access_ends_at, visits_give_care, phone, address, preferences, custom_data, custom_data_version,
               created_at, updated_at, is_archived, version, patient_of(id) as patient,
               coalesce(current_setting('caretrail.alone', true), '') = 'true' as acted_alone
             from user_profiles ",
            $($rest),+
        )
    };
}
