//! Personal representatives: users who act for a patient (45 CFR 164.502(g)).

use schemars::JsonSchema;
use serde::Serialize;
use sql::{row, text_enum};

use crate::disclosure::Content;
use crate::ids::{PatientId, RepresentativeId, UserId};
use crate::time::Timestamp;
use errors::Error;

text_enum! {
    /// The legal basis on which a user represents a patient.
    pub enum RepresentativeBasis: "SCREAMING_SNAKE_CASE" {
        /// The user is a parent of a minor. It ends when the patient comes of age.
        Parent,
        /// The user is the guardian of the patient. If it begins before the patient comes of age, it ends then.
        Guardian,
        /// The patient gave the user a power of attorney for health care.
        HealthCareProxy,
        /// The user administers the estate of the patient, who died.
        Executor,
    }
}

text_enum! {
    /// The extent to which a representative acts for a patient.
    pub enum RepresentativeScope: "SCREAMING_SNAKE_CASE" {
        /// They read what the patient can read, and do what the patient can do, such as booking appointments.
        All,
        /// They read what the patient can read, and do nothing else.
        Read,
    }
}

text_enum! {
    /// The state of a representation.
    pub enum RepresentativeStatus: "SCREAMING_SNAKE_CASE" {
        /// Nobody has confirmed it yet, so it gives no right.
        Unconfirmed,
        /// It is confirmed and begins later.
        Upcoming,
        /// It is in force.
        Current,
        /// It was ended, reached its end, or ended because the patient came of age.
        Ended,
    }
}

row! {
    /// A representation: the link between a patient and a user who represents them.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Representative {
        /// The id of the representation, a UUID.
        pub id: RepresentativeId,
        /// The patient who is represented.
        pub patient_id: PatientId,
        /// The user who represents the patient.
        pub user_id: UserId,
        /// The given name of the user. Null if the user has only a family name.
        pub first_name: Option<String>,
        /// The family name of the user. Null if the user has only a given name.
        pub last_name: Option<String>,
        /// The legal basis of the representation.
        pub basis: RepresentativeBasis,
        /// The extent of the representation.
        pub scope: RepresentativeScope,
        /// The state of the representation now.
        pub status: RepresentativeStatus,
        /// The time from which the user represents the patient (RFC 3339, UTC), once it is confirmed.
        pub since: Timestamp,
        /// The time until which it was entered (RFC 3339, UTC). Null if it was entered without an end.
        pub until: Option<Timestamp>,
        /// The time at which it ends or ended (RFC 3339, UTC): at the earliest of `until`, `ended_at` and, for a parent or
        /// guardian of a minor, the day on which the patient comes of age. Null if it has no end yet.
        pub acts_until: Option<Timestamp>,
        /// The description of the evidence that was seen. Null for everybody but staff.
        pub evidence: Option<String>,
        /// The time at which it was entered (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The user who entered it. Null if an operator did.
        pub created_by: Option<UserId>,
        /// The time at which it was confirmed (RFC 3339, UTC). Null until then.
        pub confirmed_at: Option<Timestamp>,
        /// The user who confirmed it. Null until then, and if an operator did.
        pub confirmed_by: Option<UserId>,
        /// The time at which it was ended before its time (RFC 3339, UTC). Null if it was not.
        pub ended_at: Option<Timestamp>,
        /// The user who ended it. Null if nobody did.
        pub ended_by: Option<UserId>,
        /// The reason for which it was ended. Null if it was not ended, and for everybody but staff and the user who ended
        /// it.
        pub end_reason: Option<String>,
    }
}

impl Content for Representative {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// A `select` statement for a [`Representative`]. The table is `r`. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_representative {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select r.id, r.patient_id, r.user_id, n.first_name, n.last_name, r.basis::text as basis, r.scope::text as scope,
               representative_status(r) as status, r.since, r.until, nullif(r.acts_until, 'infinity') as acts_until,
               case when reach('representatives:read') = 'ALL' then r.evidence end as evidence,
               r.created_at, r.created_by, r.confirmed_at, r.confirmed_by, r.ended_at, r.ended_by,
               case when reach('representatives:read') = 'ALL' or r.ended_by = actor_user() then r.end_reason end
                 as end_reason
             from representatives r cross join lateral representative_name(r) as n ",
            $($rest),+
        )
    };
}

/// The conflict of a step on a representation that is confirmed or over already.
pub const SETTLED: &str = "The representation is confirmed already, or has ended.";

/// The error for a representation that violates this constraint.
pub fn representative_rule(constraint: &str) -> Option<Error> {
    let (field, expected) = match constraint {
        "representatives_not_oneself" => {
            return Some(Error::Forbidden(
                "Nobody can enter or confirm a representation for themself.",
            ));
        }
        "representatives_confirmed_by_another" | "representatives_second_person" => {
            return Some(Error::Forbidden(
                "Another person than the one who entered the representation must confirm it. Neither of the two may have \
                 created the account of the other.",
            ));
        }
        "representatives_ended_by_adult" => {
            return Some(Error::Forbidden(
                "A minor can't end a representation. The clinic can.",
            ));
        }
        "representatives_settled" => return Some(Error::Conflict(SETTLED)),
        "representatives_of_another" => ("user_id", "expected another user than the patient"),
        "representatives_user_id_fkey" => ("user_id", "expected the id of a user"),
        "representatives_period" => ("until", "expected a time after since"),
        "representatives_until_to_come" => ("until", "expected a time in the future"),
        "representatives_basis_fits" => (
            "basis",
            "expected PARENT for a minor, EXECUTOR for a patient whose death is recorded, or GUARDIAN or \
             HEALTH_CARE_PROXY for a living patient",
        ),
        _ => return None,
    };
    Some(Error::invalid(field, expected))
}
