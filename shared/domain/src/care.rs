//! Who has a patient in care, on what basis and until when.

use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sql::postgres::{Error as SqlError, Row};
use sql::{FromRow, Jsonb, row, text_enum};

use crate::disclosure::Content;
use crate::ids::{PatientId, UserId};
use errors::Error;

text_enum! {
    /// A reason for which a patient is in the care of a user.
    pub enum CareBasis: "SCREAMING_SNAKE_CASE" {
        /// The patient is assigned to the provider.
        Assignment,
        /// The patient has or had an appointment with the provider.
        Visit,
        /// The patient was referred to the user for some time.
        Referral,
        /// The user covers for a colleague for some time.
        Cover,
        /// The user has emergency access to the patient, which is no care.
        Emergency,
    }
}

text_enum! {
    /// A basis of care that is granted for some time.
    pub enum GrantBasis: "SCREAMING_SNAKE_CASE" {
        /// The patient is referred to the user.
        Referral,
        /// The user covers for a colleague.
        Cover,
    }
}

/// A user who has the patient in care.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct CareMember {
    /// The user who has the patient in care.
    pub user_id: UserId,
    /// The given name of the user. Null if the user has only a family name.
    pub first_name: Option<String>,
    /// The family name of the user. Null if the user has only a given name.
    pub last_name: Option<String>,
    /// The role of the user, for example `PROVIDER` or `NURSE`.
    pub role: String,
    /// The reason for which the patient is in the care of the user. A user with several of them is listed
    /// once for each.
    pub basis: CareBasis,
    /// The time at which this care began (RFC 3339, UTC).
    pub since: Timestamp,
    /// The time at which this care ends (RFC 3339, UTC). Null for an assignment, which has no fixed end.
    pub until: Option<Timestamp>,
    /// Whether this care is suspended, because the user's licence is not verified or their account is not
    /// active. The user can't read the patient's data then.
    pub is_suspended: bool,
    /// The explanation that was given for a referral or cover. Everyone who may read the care team can read
    /// it. Null if none was given.
    pub reason: Option<String>,
}

row! {
    /// The users who have a patient in care now.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct CareTeam {
        /// The patient in the care of the members.
        pub patient_id: PatientId,
        /// The users who have the patient in care, ordered by family name, given name and basis.
        pub members: Jsonb<Vec<CareMember>>,
    }
}

impl Content for CareTeam {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// A row together with the care that the transaction gave or prolonged with it.
#[derive(Debug)]
pub struct WithCare<R> {
    /// The row.
    pub row: R,
    /// The detail of the audit row that says to whom care was given, as [`care_detail`] makes it. None if
    /// the transaction gave no care.
    pub care: Option<Value>,
}

impl<R: FromRow> FromRow for WithCare<R> {
    fn from_row(row: &Row) -> Result<Self, SqlError> {
        let user: Option<UserId> = row.try_get("care_user_id")?;
        let basis: Option<CareBasis> = row.try_get("care_basis")?;
        let until: Option<Timestamp> = row.try_get("care_until")?;
        Ok(Self {
            row: R::from_row(row)?,
            care: user
                .zip(basis)
                .map(|(user, basis)| care_detail(user, basis.label(), until)),
        })
    }
}

/// The detail of an audit row that says to whom care is given, on what basis and until when. `until` is
/// none if the care has no fixed end.
pub fn care_detail(user: UserId, basis: &str, until: Option<Timestamp>) -> Value {
    json!({"user_id": user, "basis": basis, "until": until})
}

const ONESELF: &str = "Nobody can give care to themselves. Ask another user to do it.";

/// The error for a violation of the named constraint on care. None if the constraint isn't one of them.
pub fn care_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "care_relations_not_oneself" => Error::Forbidden(ONESELF),
        "care_relations_member_treats" => Error::invalid(
            "user_id",
            "expected the id of an active user whose role has patients in care",
        ),
        "care_relations_until_range" => Error::invalid(
            "until",
            "expected a time in the future, at most 366 days from now",
        ),
        _ => return None,
    })
}

/// Extends a `select` statement for a [`WithCare`]. The arguments are the statement, the column of its
/// patient, and the source of the care.
#[macro_export]
macro_rules! with_care_given {
    ($select:expr, patient: $patient:literal, source: $source:literal) => {
        concat!(
            "select found.*, given.* from (",
            $select,
            ") as found
             left join care_given(found.",
            $patient,
            ", ",
            $source,
            ") as given on true"
        )
    };
}

/// A `select` statement for the [`CareTeam`] of a patient. The arguments are appended to it, for example
/// a `where` clause.
#[macro_export]
macro_rules! select_care_team {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id as patient_id, coalesce(
               (select jsonb_agg(member order by folded(coalesce(last_name, first_name)), folded(first_name), user_id, basis)
                from care_team(patients.id) as member),
               '[]') as members
             from patients ",
            $($rest),+
        )
    };
}
