//! Alerts about accesses and changes, and the rules by which they are raised.

use schemars::JsonSchema;
use serde::Serialize;
use sql::{row, text_enum};

use crate::disclosure::Content;
use crate::ids::{AlertId, AnyId, AuditLogId, PatientId, UserId};
use crate::time::Timestamp;

text_enum! {
    /// The status of an alert.
    pub enum AlertStatus: "SCREAMING_SNAKE_CASE" {
        /// Nobody has looked at it yet.
        Open,
        /// Somebody has seen it.
        Acknowledged,
        /// A user investigates it.
        Assigned,
        /// It was investigated. It never changes again.
        Resolved,
    }
}

text_enum! {
    /// The finding with which an alert was resolved.
    pub enum Disposition: "SCREAMING_SNAKE_CASE" {
        /// The person needed the access for their work.
        Justified,
        /// The person made a mistake and was instructed.
        Education,
        /// The person violated the rules of the clinic.
        PolicyViolation,
        /// The rule was wrong.
        FalseAlarm,
    }
}

text_enum! {
    /// A reason that explains why a person accessed the data of a patient, the strongest first.
    pub enum AccessExplanation: "SCREAMING_SNAKE_CASE" {
        /// The person is the patient.
        OwnChart,
        /// The person represented the patient.
        Representative,
        /// The patient was assigned to the person.
        Assignment,
        /// The person had a visit with the patient some days before or after.
        Visit,
        /// The person wrote a medical record in the chart before.
        Author,
        /// The person booked or changed a visit of the patient before.
        Booking,
        /// The patient was referred to the person, or the person covered for somebody.
        GrantedCare,
        /// The person's office in the organisation required it.
        Office,
        /// The person had emergency access to the patient.
        Emergency,
        /// The person shares other patients with a member of the patient's care team.
        CareTeam,
    }
}

row! {
    /// An alert: an access or a change that somebody must look at.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Alert {
        /// The id of the alert, a UUID.
        pub id: AlertId,
        /// The name of the rule that raised it, for example `unexplained-access`.
        pub rule: String,
        /// The version of the rule by which it was last raised.
        pub rule_version: i32,
        /// The weight of the alert, from 1 to 100. It is the highest of all its occurrences.
        pub score: i32,
        /// The status of the alert.
        pub status: AlertStatus,
        /// The user who accessed the data. Null if the alert is about several users.
        pub actor_id: Option<UserId>,
        /// The patient with the data that was accessed. Null if the alert is about several patients or none.
        pub patient_id: Option<PatientId>,
        /// The id of what else it is about, for example of a grant. Null if the rule needs none.
        pub occasion: Option<AnyId>,
        /// The network that it is about, for example `203.0.113.0/24`. Null unless it is about no person.
        pub network: Option<String>,
        /// The ids of the audit rows that it is about, the newest first, at most 100.
        pub evidence: Vec<AuditLogId>,
        /// The number of times that the rule raised it. Another occurrence is counted here until it is resolved.
        pub occurrences: i64,
        /// The explanations that were looked for and not found.
        pub explanations: Vec<AccessExplanation>,
        /// The time at which it was raised first (RFC 3339, UTC).
        pub first_at: Timestamp,
        /// The time at which it was raised last (RFC 3339, UTC).
        pub last_at: Timestamp,
        /// The user who investigates it. Null if it is assigned to nobody.
        pub assigned_to: Option<UserId>,
        /// The finding. Null until the alert is resolved.
        pub disposition: Option<Disposition>,
        /// The reason for the finding. Null until the alert is resolved.
        pub reason: Option<String>,
        /// The user who resolved it. Null until it is resolved.
        pub resolved_by: Option<UserId>,
        /// The time at which it was resolved (RFC 3339, UTC). Null until it is resolved.
        pub resolved_at: Option<Timestamp>,
        /// The time of the last change (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The version number of the alert: it starts at 1 and grows by 1 with each change and each further occurrence.
        /// The `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for Alert {
    fn patients(&self) -> Vec<PatientId> {
        self.patient_id.into_iter().collect()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// A `select` statement for an [`Alert`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_alert {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, rule, rule_version, score, status::text as status, actor_id, patient_id, occasion,
               network::text as network, evidence, occurrences, explanations::text[] as explanations, first_at, last_at, assigned_to,
               disposition::text as disposition, reason, resolved_by, resolved_at, updated_at, version
             from alerts ",
            $($rest),+
        )
    };
}

row! {
    /// A rule by which alerts are raised.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct AlertRule {
        /// The name of the rule, for example `unexplained-access`.
        pub name: String,
        /// A description of what the rule finds and what its threshold counts.
        pub meaning: String,
        /// The number from which on the rule raises an alert.
        pub threshold: i32,
        /// The score of an alert by this rule, from 1 to 100.
        pub weight: i32,
        /// Whether the rule raises alerts.
        pub is_enabled: bool,
        /// The time of the last change (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The version number of the rule: it starts at 1 and grows by 1 with each change. The `ETag` header carries it
        /// too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for AlertRule {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// A `select` statement for an [`AlertRule`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_alert_rule {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select name, meaning, threshold, weight, is_enabled, updated_at, version from alert_rules ",
            $($rest),+
        )
    };
}
