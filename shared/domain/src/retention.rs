//! How long data are kept, and the legal holds that keep them longer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{Jsonb, row, text_enum};

use crate::disclosure::Content;
use crate::ids::{AnyId, LegalHoldId, PatientId, UserId};
use crate::time::{Date, Timestamp};

text_enum! {
    /// A kind of data that has retention rules and that a legal hold can cover.
    pub enum RetainedType: "SCREAMING_SNAKE_CASE" {
        /// A file with all versions of its object in S3.
        File,
        /// A medical record with its former versions and its releases.
        MedicalRecord,
        /// An appointment with its history.
        Appointment,
        /// A patient with the members of their care team, their representatives and the emergency accesses to their chart.
        Patient,
        /// A provider in the directory of the clinic.
        Provider,
        /// The account of a user with their contact data.
        User,
        /// The rows of the audit log.
        AuditLog,
    }
}

row! {
    /// A legal hold: nothing that it covers is deleted until it is released.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct LegalHold {
        /// The id of the legal hold, a UUID.
        pub id: LegalHoldId,
        /// The patient with the data that it covers. Null if it covers the data of everybody.
        pub patient_id: Option<PatientId>,
        /// The kind of data that it covers. Null if it covers all kinds.
        pub resource_type: Option<RetainedType>,
        /// The reason for the legal hold, for example the reference of a case.
        pub reason: String,
        /// The user who placed it. Null if an operator placed it in the database.
        pub placed_by: Option<UserId>,
        /// The time at which it was placed (RFC 3339, UTC).
        pub placed_at: Timestamp,
        /// The user who released it. Null while it is in force.
        pub released_by: Option<UserId>,
        /// The time at which it was released (RFC 3339, UTC). Null while it is in force.
        pub released_at: Option<Timestamp>,
        /// The reason for its release. Null while it is in force.
        pub release_reason: Option<String>,
    }
}

impl Content for LegalHold {
    fn patients(&self) -> Vec<PatientId> {
        self.patient_id.into_iter().collect()
    }
}

/// A `select` statement for a [`LegalHold`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_legal_hold {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, patient_id, resource_type::text as resource_type, reason, placed_by, placed_at, released_by,
               released_at, release_reason
             from legal_holds ",
            $($rest),+
        )
    };
}

row! {
    /// A rule that says how long data of one kind are kept after they were archived.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct RetentionRule {
        /// The country, or the part of it, to which the rule applies (ISO 3166), for example `US` or `US-CA`.
        pub jurisdiction: String,
        /// The kind of data that is kept.
        pub resource_type: RetainedType,
        /// The version number of the rule. The first one of a jurisdiction and kind has number 1.
        #[schemars(range(min = 1))]
        pub version: i32,
        /// The number of years that data are kept. They count from the latest of the archiving, the last activity in
        /// the patient's chart and the patient's death.
        pub adult_years: i32,
        /// The age in years at which the patient comes of age.
        pub majority_age: i32,
        /// The number of years after the patient comes of age that data about a minor are kept at least.
        pub minor_years: i32,
        /// The law that requires the rule, or the clinic's reason for it.
        pub reason: String,
        /// The user who set the rule. Null for a rule that came with Caretrail or that an operator set.
        pub set_by: Option<UserId>,
        /// The time at which the rule was set (RFC 3339, UTC).
        pub set_at: Timestamp,
    }
}

impl Content for RetentionRule {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// A `select` statement for a [`RetentionRule`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_retention_rule {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select jurisdiction, resource_type::text as resource_type, version, adult_years, majority_age, minor_years,
               reason, set_by, set_at
             from retention_rules ",
            $($rest),+
        )
    };
}

/// The rule that applies to one kind of data in this installation.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct AppliedRule {
    /// The kind of data that is kept.
    pub resource_type: RetainedType,
    /// The number of years that data are kept.
    pub adult_years: i32,
    /// The age in years at which the patient comes of age.
    pub majority_age: i32,
    /// The number of years after the patient comes of age that data about a minor are kept at least.
    pub minor_years: i32,
    /// The rules of which each number is the highest, as jurisdiction, kind and version: `US/FILE/1`.
    pub rules: Vec<String>,
}

/// The number of resources of one kind at the end of their retention.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct RetentionCount {
    /// The kind of data that is counted.
    pub resource_type: RetainedType,
    /// The number of archived resources with an ended retention.
    pub ended: i64,
    /// The number of these that a legal hold covers.
    pub held: i64,
    /// The number of these that no legal hold covers and that other data still refer to.
    pub referred: i64,
    /// The number of these that the next run deletes if deletion is turned on.
    pub deletable: i64,
    /// The time from which the first of them can be deleted (RFC 3339, UTC). Null if there is none.
    pub first_deletion_at: Option<Timestamp>,
    /// The retention of no other archived resource of this kind ends before this day. Null if there is none.
    pub no_other_ends_before: Option<Date>,
}

/// A legal hold that is in force, and its effect.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct HoldInForce {
    /// The id of the legal hold, a UUID.
    pub id: LegalHoldId,
    /// The patient with the data that it covers. Null if it covers the data of everybody.
    pub patient_id: Option<PatientId>,
    /// The kind of data that it covers. Null if it covers all kinds.
    pub resource_type: Option<RetainedType>,
    /// The time at which it was placed (RFC 3339, UTC).
    pub placed_at: Timestamp,
    /// The number of resources with an ended retention that it covers.
    pub kept: i64,
}

/// A resource that will be deleted.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct Listed {
    /// The kind of the resource.
    pub resource_type: RetainedType,
    /// The id of the resource.
    pub resource_id: AnyId,
    /// The patient whom the resource concerns. Null if it concerns none.
    pub patient_id: Option<PatientId>,
    /// The last day of its retention.
    pub ends_on: Date,
    /// The rules that its retention was computed with, for example `US/FILE/1`.
    pub rules: Vec<String>,
    /// The time at which the resource was listed (RFC 3339, UTC).
    pub listed_at: Timestamp,
    /// The time from which it can be deleted (RFC 3339, UTC).
    pub deleted_from: Timestamp,
}

/// An archived month of the audit log that will be deleted.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct ListedMonth {
    /// The first day of the month (UTC).
    pub month: Date,
    /// The number of audit rows in the month.
    pub rows: i64,
    /// The last day of its retention.
    pub ends_on: Date,
    /// The time at which the month was listed (RFC 3339, UTC).
    pub listed_at: Timestamp,
    /// The time from which it can be deleted (RFC 3339, UTC).
    pub deleted_from: Timestamp,
}

row! {
    /// A report of the resources that will be deleted next and of those that are kept, with the rules and legal holds that
    /// decide it.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct RetentionReport {
        /// The country, or the part of it, that the applied rules come from (ISO 3166), for example `US-CA`.
        pub jurisdiction: String,
        /// Whether resources are deleted after their retention. Otherwise they are only listed.
        pub is_deletion_on: bool,
        /// The number of days that a resource must be listed before it is deleted.
        pub days_to_object: i32,
        /// The rules that apply, one for each kind of data.
        pub rules: Jsonb<Vec<AppliedRule>>,
        /// The numbers of resources with an ended retention, one item for each kind of data.
        pub counts: Jsonb<Vec<RetentionCount>>,
        /// The legal holds in force, the oldest first, at most as many as `limit` says.
        pub holds: Jsonb<Vec<HoldInForce>>,
        /// The resources that will be deleted next, those that were listed first at the beginning, at most as many as
        /// `limit` says.
        pub listed: Jsonb<Vec<Listed>>,
        /// The archived months of the audit log that will be deleted next, the oldest first.
        pub audit_months: Jsonb<Vec<ListedMonth>>,
    }
}

impl Content for RetentionReport {
    fn patients(&self) -> Vec<PatientId> {
        let holds = self.holds.0.iter().filter_map(|hold| hold.patient_id);
        let listed = self.listed.0.iter().filter_map(|listed| listed.patient_id);
        holds.chain(listed).collect()
    }
}
