//! Reviews of what happened in the system, which officers sign.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{Jsonb, row, text_enum};

use crate::disclosure::Content;
use crate::ids::{ActivityReviewId, PatientId, UserId};
use crate::time::{Date, Timestamp};

/// The number of audit rows with the same value of a field.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct RowCount {
    /// The value of the field, for example `DENIED`.
    pub key: String,
    /// The number of audit rows with this value.
    pub rows: i64,
}

/// The rows of the audit log in the period.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct AuditRowFigures {
    /// The number of audit rows.
    pub total: i64,
    /// The number of users who acted.
    pub users: i64,
    /// The number of rows for each result, the largest first.
    #[serde(default)]
    pub by_outcome: Vec<RowCount>,
    /// The number of rows for each kind of action, the largest first.
    #[serde(default)]
    pub by_action_type: Vec<RowCount>,
    /// The number of rows for each kind of resource, the largest first.
    #[serde(default)]
    pub by_resource_type: Vec<RowCount>,
    /// The number of rows for each purpose of use, the largest first.
    #[serde(default)]
    pub by_purpose_of_use: Vec<RowCount>,
    /// The first days of the months that were deleted after their retention. Their rows are not counted.
    pub deleted_months: Vec<Date>,
}

/// The alerts that a rule raised in the period, with what became of them.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct RuleFigures {
    /// The name of the rule.
    pub rule: String,
    /// The number of alerts.
    pub raised: i64,
    /// The number of alerts that were resolved as JUSTIFIED.
    pub justified: i64,
    /// The number of alerts that were resolved as EDUCATION.
    pub education: i64,
    /// The number of alerts that were resolved as POLICY_VIOLATION.
    pub policy_violation: i64,
    /// The number of alerts that were resolved as FALSE_ALARM.
    pub false_alarm: i64,
    /// The number of alerts that are not resolved.
    pub unresolved: i64,
}

/// The alerts of the period, and those that are not resolved now.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct AlertFigures {
    /// The alerts that were raised in the period, by rule.
    pub by_rule: Vec<RuleFigures>,
    /// The number of all alerts that are not resolved, also from before the period.
    pub unresolved: i64,
    /// The time at which the oldest of them was raised (RFC 3339, UTC). Null if all are resolved.
    pub oldest_unresolved_at: Option<Timestamp>,
    /// The names of the rules that are disabled.
    pub disabled_rules: Vec<String>,
}

/// The emergency accesses that were granted in the period.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct EmergencyFigures {
    /// The number of emergency accesses.
    pub granted: i64,
    /// The number of emergency accesses that an officer approved.
    pub approved: i64,
    /// The number of emergency accesses with an incident as the result of their review.
    pub incidents_opened: i64,
    /// The number of emergency accesses that nobody reviewed yet.
    pub not_reviewed: i64,
    /// The number of all emergency accesses with an overdue review, also from before the period.
    pub overdue: i64,
}

/// The incidents of the period.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct IncidentFigures {
    /// The number of incidents that were opened.
    pub opened: i64,
    /// The number of incidents that were decided to be a breach.
    pub breaches: i64,
    /// The number of incidents with another decision.
    pub other_decisions: i64,
    /// The number of incidents that were closed.
    pub closed: i64,
    /// The number of all incidents that are not closed, also from before the period.
    pub not_closed: i64,
    /// The number of all incidents with a step that is late.
    pub overdue: i64,
}

/// The findings of the sealer of the audit log.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct IntegrityFigures {
    /// The number of leaves in the sealed log.
    pub sealed_rows: i64,
    /// The time of the last seal (RFC 3339, UTC). Null if nothing is sealed.
    pub sealed_at: Option<Timestamp>,
    /// The number of hash chains with rows that wait for the seal of earlier rows.
    pub waiting_chains: i64,
    /// The number of rows that were put in quarantine in the period.
    pub quarantined_rows: i64,
    /// The number of minutes of the period in which requests and audit rows were compared.
    pub minutes_reconciled: i64,
    /// The number of these minutes in which a request had no audit row.
    pub minutes_with_missing_rows: i64,
}

/// The figures that the database counted when the review began.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct Figures {
    /// The figures of the audit log.
    pub audit_rows: AuditRowFigures,
    /// The figures of the alerts.
    pub alerts: AlertFigures,
    /// The figures of the emergency accesses.
    pub emergency_accesses: EmergencyFigures,
    /// The figures of the incidents.
    pub incidents: IncidentFigures,
    /// The number of legal holds in force.
    pub legal_holds_in_force: i64,
    /// The figures of the integrity of the audit log.
    pub integrity: IntegrityFigures,
}

text_enum! {
    /// A verdict of the verifier of the audit log.
    pub enum Verdict: "SCREAMING_SNAKE_CASE" {
        /// All was checked and is right.
        Intact,
        /// Something is wrong in the log.
        Violated,
        /// Nothing was found wrong, but not all could be checked.
        Unknown,
    }
}

/// The verdicts of the verifier of the audit log: see `docs/verifying.md`.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The number of leaves in the log that was verified.
    #[schemars(range(min = 0))]
    pub tree_size: u64,
    /// The verdict on the rows that are present: whether one was changed or removed.
    pub integrity: Verdict,
    /// The verdict on the origin of the rows.
    pub authenticity: Verdict,
    /// The verdict on the requests that must have a row.
    pub completeness: Verdict,
    /// The verdict on the age of the newest checkpoint.
    pub freshness: Verdict,
}

row! {
    /// An activity review: what happened in the system in a period, and what an officer concludes.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct ActivityReview {
        /// The id of the review, a UUID.
        pub id: ActivityReviewId,
        /// The first day of the period (UTC).
        pub covered_from: Date,
        /// The last day of the period (UTC).
        pub covered_until: Date,
        /// The figures of the period. They don't change after the review began.
        pub figures: Jsonb<Figures>,
        /// The user who began the review.
        pub created_by: Option<UserId>,
        /// The time at which the review began (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The conclusion of the officer. Null until the review is signed.
        pub conclusion: Option<String>,
        /// The verdicts of the verifier of the audit log. Null if the officer did not run it.
        pub verification: Option<Jsonb<Verification>>,
        /// The user who signed the review. Null until it is signed.
        pub signed_by: Option<UserId>,
        /// The time of the signature (RFC 3339, UTC). Null until the review is signed.
        pub signed_at: Option<Timestamp>,
        /// The signed review as a whole HTML document, ready to print. It loads nothing from elsewhere. Null until the
        /// review is signed.
        pub html: Option<String>,
        /// The SHA-256 hash of `html` in hexadecimal. The audit row of the signature has it, too. Null until the review is
        /// signed.
        pub html_sha256: Option<String>,
        /// The version number of the review. The `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for ActivityReview {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

row! {
    /// An activity review in a list.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct ListedActivityReview {
        /// The id of the review, a UUID.
        pub id: ActivityReviewId,
        /// The first day of the period (UTC).
        pub covered_from: Date,
        /// The last day of the period (UTC).
        pub covered_until: Date,
        /// The user who began the review.
        pub created_by: Option<UserId>,
        /// The time at which the review began (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The user who signed the review. Null until it is signed.
        pub signed_by: Option<UserId>,
        /// The time of the signature (RFC 3339, UTC). Null until the review is signed.
        pub signed_at: Option<Timestamp>,
    }
}

impl Content for ListedActivityReview {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// A `select` statement for an [`ActivityReview`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_activity_review {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, covered_from, covered_until, figures, created_by, created_at, conclusion, verification, signed_by,
               signed_at, document as html, encode(sha256(convert_to(document, 'UTF8')), 'hex') as html_sha256, version
             from activity_reviews ",
            $($rest),+
        )
    };
}
