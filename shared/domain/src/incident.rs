//! Incidents: uses and disclosures of patient data that may be breaches (45 CFR 164.402 to 164.414).

use std::collections::BTreeMap;

use errors::Error;
use schemars::JsonSchema;
use serde::Serialize;
use sql::{Jsonb, row, text_enum};

use crate::disclosure::Content;
use crate::ids::{AlertId, EmergencyAccessId, IncidentId, PatientId, UserId};
use crate::time::{Date, Timestamp};

text_enum! {
    /// The status of an incident.
    pub enum IncidentStatus: "SCREAMING_SNAKE_CASE" {
        /// It is investigated and assessed.
        Open,
        /// It is decided whether it is a breach.
        Assessed,
        /// It is a breach, and notices are sent.
        Notifying,
        /// All notices are sent, or none is required. It never changes again.
        Closed,
    }
}

text_enum! {
    /// The decision about an incident. Every decision but `BREACH` needs the assessment of all four factors.
    pub enum IncidentDecision: "SCREAMING_SNAKE_CASE" {
        /// It is a breach, and the patients are notified.
        Breach,
        /// The probability that the data were compromised is low (45 CFR 164.402(2)).
        LowProbability,
        /// Somebody of the workforce accessed the data without intent, in good faith and within their authority, and used
        /// them no further (45 CFR 164.402(1)(i)).
        UnintentionalAccess,
        /// Somebody who may access the data disclosed them by mistake to another such person of the same organisation, who
        /// used them no further (45 CFR 164.402(1)(ii)).
        InadvertentDisclosure,
        /// Whoever received the data could not have retained them (45 CFR 164.402(1)(iii)).
        NotRetained,
        /// The data were unreadable for others, for example encrypted (45 CFR 164.402, unsecured protected health
        /// information).
        SecuredData,
        /// The use or disclosure was permitted.
        PermittedUse,
    }
}

text_enum! {
    /// A level of risk.
    pub enum RiskLevel: "SCREAMING_SNAKE_CASE" {
        /// The risk is low.
        Low,
        /// The risk is neither low nor high.
        Medium,
        /// The risk is high.
        High,
    }
}

text_enum! {
    /// The form in which a law enforcement official stated that notices must wait (45 CFR 164.412).
    pub enum DelayStatement: "SCREAMING_SNAKE_CASE" {
        /// The statement is in writing and says how long notices must wait.
        Written,
        /// The statement was made orally. Notices wait 30 days at most.
        Oral,
    }
}

text_enum! {
    /// A recipient of notices.
    pub enum NoticeRecipient: "SCREAMING_SNAKE_CASE" {
        /// Affected patients (45 CFR 164.404).
        Patient,
        /// The Secretary of Health and Human Services (45 CFR 164.408).
        Hhs,
        /// Prominent media of a state or jurisdiction (45 CFR 164.406).
        Media,
    }
}

text_enum! {
    /// A way in which a notice is sent.
    pub enum NoticeMeans: "SCREAMING_SNAKE_CASE" {
        /// A letter by first-class mail to the last known address.
        FirstClassMail,
        /// An e-mail to a patient who agreed to it.
        Email,
        /// A substitute because the address is unknown or out of date: another written notice, a call, or a posting on the
        /// website or in the media (45 CFR 164.404(d)(2)).
        Substitute,
        /// A call in an urgent case, in addition to the written notice (45 CFR 164.404(d)(3)).
        UrgentCall,
        /// The form on the website of HHS.
        WebPortal,
        /// A press release to media outlets.
        PressRelease,
    }
}

row! {
    /// An incident: a use or disclosure of patient data that may be a breach.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Incident {
        /// The id of the incident, a UUID.
        pub id: IncidentId,
        /// The alert that it was opened from. Null if there was none.
        pub alert_id: Option<AlertId>,
        /// The emergency access that it was opened from by a review. Null if there was none.
        pub emergency_access_id: Option<EmergencyAccessId>,
        /// The user who accessed the data. Null if there are several users, or if nobody knows.
        pub actor_id: Option<UserId>,
        /// The status of the incident.
        pub status: IncidentStatus,
        /// The first day on which the breach was known, or would have been by reasonable diligence. All due dates count
        /// from this day.
        pub discovered_on: Date,
        /// The description of the incident, for officers.
        pub summary: String,
        /// The first day of the breach. Null if it is unknown, or if the accesses of each patient say it.
        pub breach_from: Option<Date>,
        /// The last day of the breach. Null if `breach_from` is null.
        pub breach_until: Option<Date>,
        /// The risk that follows from the nature and extent of the data. Null until it is assessed.
        pub nature_level: Option<RiskLevel>,
        /// The nature and extent of the data. Null until they are assessed.
        pub nature: Option<String>,
        /// The risk that follows from the person who used or received the data. Null until it is assessed.
        pub person_level: Option<RiskLevel>,
        /// The unauthorized person who used the data or to whom they were disclosed. Null until they are assessed.
        pub person: Option<String>,
        /// The risk that follows from whether the data were acquired or viewed. Null until it is assessed.
        pub acquisition_level: Option<RiskLevel>,
        /// Whether the data were actually acquired or viewed. Null until it is assessed.
        pub acquisition: Option<String>,
        /// The risk that is left after it was mitigated. Null until it is assessed.
        pub mitigation_level: Option<RiskLevel>,
        /// The extent to which the risk was mitigated. Null until it is assessed.
        pub mitigation: Option<String>,
        /// The decision. Null until there is one.
        pub decision: Option<IncidentDecision>,
        /// The reason for the decision. Null until there is one.
        pub decision_reason: Option<String>,
        /// The form in which law enforcement stated that notices must wait. Null without such a statement.
        pub delay_statement: Option<DelayStatement>,
        /// The day of the statement. Null without a statement.
        pub delay_stated_on: Option<Date>,
        /// The official who made the statement. Null without a statement.
        pub delay_official: Option<String>,
        /// The last day on which notices must wait. Null without a statement.
        pub delayed_until: Option<Date>,
        /// The description of what happened, as the letters to patients say it. Null until it is written.
        pub letter_happened: Option<String>,
        /// The types of data that were involved, as the letters say them. Null until they are written.
        pub letter_data: Option<String>,
        /// The steps that patients should take to protect themselves, as the letters say them. Null until they are written.
        pub letter_steps: Option<String>,
        /// The description of what the clinic does, as the letters say it. Null until it is written.
        pub letter_response: Option<String>,
        /// The number of affected patients.
        pub affected_count: i64,
        /// The number of affected patients who have got a notice.
        pub notified_count: i64,
        /// The last day on which the notices to patients are in time. Null if none is required.
        pub patients_due_on: Option<Date>,
        /// The last day on which the notice to HHS is in time. Null if none is required.
        pub hhs_due_on: Option<Date>,
        /// The last day on which the notices to the media are in time. Null if none is required.
        pub media_due_on: Option<Date>,
        /// The states or jurisdictions with more than 500 affected patients. The media there get a notice.
        pub media_jurisdictions: Vec<String>,
        /// The day on which HHS was notified. Null if it was not.
        pub hhs_notified_on: Option<Date>,
        /// The first of the due dates with a step that is still missing. Null if no step is missing.
        pub next_due_on: Option<Date>,
        /// Whether `next_due_on` is over.
        pub is_overdue: bool,
        /// The time at which it was opened (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The user who opened it. Null if an operator did.
        pub opened_by: Option<UserId>,
        /// The time of the decision (RFC 3339, UTC). Null while it is open.
        pub decided_at: Option<Timestamp>,
        /// The user who decided. Null while it is open.
        pub decided_by: Option<UserId>,
        /// The time at which it was closed (RFC 3339, UTC). Null until it is closed.
        pub closed_at: Option<Timestamp>,
        /// The user who closed it, or who recorded the last notice. Null until it is closed.
        pub closed_by: Option<UserId>,
        /// The time of the last change (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The version number of the incident: it starts at 1 and grows by 1 with each change. The `ETag` header carries it
        /// too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for Incident {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// A `select` statement for an [`Incident`]. The table is `i`, and its clock `c`. The arguments are appended to it, for
/// example a `where` clause.
#[macro_export]
macro_rules! select_incident {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select i.id, i.alert_id, i.emergency_access_id, i.actor_id, i.status::text as status, i.discovered_on,
               i.summary, i.breach_from, i.breach_until, i.nature_level::text as nature_level, i.nature,
               i.person_level::text as person_level, i.person, i.acquisition_level::text as acquisition_level,
               i.acquisition, i.mitigation_level::text as mitigation_level, i.mitigation, i.decision::text as decision,
               i.decision_reason, i.delay_statement::text as delay_statement, i.delay_stated_on, i.delay_official,
               i.delayed_until, i.letter_happened, i.letter_data, i.letter_steps, i.letter_response,
               c.affected as affected_count, c.notified as notified_count, c.patients_by as patients_due_on,
               c.hhs_by as hhs_due_on, c.media_by as media_due_on, c.media_in as media_jurisdictions, c.hhs_notified_on,
               c.next_by as next_due_on, c.is_overdue, i.created_at, i.opened_by, i.decided_at, i.decided_by, i.closed_at,
               i.closed_by, i.updated_at, i.version
             from incidents i cross join lateral incident_clock(i) as c ",
            $($rest),+
        )
    };
}

row! {
    /// A patient whom an incident affects, with what was accessed of their data.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct IncidentPatient {
        /// The id of the patient, a UUID.
        pub patient_id: PatientId,
        /// Whether an officer excluded the patient, so that the patient doesn't count as affected.
        pub is_excluded: bool,
        /// The reason for which an officer added or excluded the patient. Null if the audit log names the patient.
        pub reason: Option<String>,
        /// The officer who added or excluded the patient. Null if the audit log names the patient.
        pub changed_by: Option<UserId>,
        /// The state or jurisdiction of the patient's address. Null if it is unknown.
        pub residence: Option<String>,
        /// The number of accesses to each type of resource, for example `{"MEDICAL_RECORD": 2}`.
        pub accesses: Jsonb<BTreeMap<String, i64>>,
        /// The time of the first access (RFC 3339, UTC). Null if there is none.
        pub first_at: Option<Timestamp>,
        /// The time of the last access (RFC 3339, UTC). Null if there is none.
        pub last_at: Option<Timestamp>,
        /// The day of the first notice to the patient. Null if there is none. A call in an urgent case doesn't count.
        pub notified_on: Option<Date>,
        /// The way in which the first notice was sent. Null if there is none.
        pub notified_by: Option<NoticeMeans>,
    }
}

impl Content for IncidentPatient {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// A `select` statement for an [`IncidentPatient`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_incident_patient {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select p.patient_id, p.is_excluded, p.reason, p.changed_by, p.residence, seen.accesses, seen.first_at,
               seen.last_at, n.sent_on as notified_on, n.means as notified_by
             from incident_patients p
             cross join lateral (
               select coalesce(jsonb_object_agg(t.resource_type, t.accesses), '{}') as accesses, min(t.first_at) as first_at,
                 max(t.last_at) as last_at
               from (
                 select a.resource_type::text as resource_type, count(*) as accesses, min(a.accessed_at) as first_at,
                   max(a.accessed_at) as last_at
                 from incident_accesses a
                 where a.incident_id = p.incident_id and a.patient_id = p.patient_id
                 group by 1
               ) as t
             ) as seen
             left join lateral (
               select n.sent_on, n.means::text as means from incident_notices n
               where n.incident_id = p.incident_id and n.patient_id = p.patient_id and n.means <> 'URGENT_CALL'
               order by n.sent_on, n.recorded_at limit 1
             ) as n on true ",
            $($rest),+
        )
    };
}

const CLOSED: &str = "The incident is closed and never changes again. Open another one.";
const TRANSITION: &str = "The status can't change so. An open incident is decided first, and a breach is closed by its last notice.";
const DECISION_MADE: &str = "The decision is made. Set the status to OPEN before the discovery, the factors or the decision change.";
const LETTER_SENT: &str =
    "A patient has got the letter already, so its texts and the days of the breach can't change.";
const NOTICES_MISSING: &str = "It is a breach, and notices are missing. The last notice that is recorded closes the incident.";
const NO_PATIENTS: &str =
    "An incident with notices needs at least one affected patient. Add one first.";
const NO_CONTACT: &str = "The clinic has no contact data for letters. Ask the operator to set them with migrate clinic-contact.";
const ONESELF: &str = "Nobody can work on an incident about their own access.";

/// The conflicts of a step on an incident: see [`incident_rule`].
pub const CONFLICTS: &[&str] = &[
    CLOSED,
    TRANSITION,
    DECISION_MADE,
    LETTER_SENT,
    NOTICES_MISSING,
    NO_PATIENTS,
    NO_CONTACT,
];

/// The error for a step on an incident that violates this constraint.
pub fn incident_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "incidents_of_another" => Error::Forbidden(ONESELF),
        "incidents_closed" => Error::Conflict(CLOSED),
        "incidents_transition" | "incidents_signed" => Error::Conflict(TRANSITION),
        "incidents_decision_made" => Error::Conflict(DECISION_MADE),
        "incidents_letter_sent" => Error::Conflict(LETTER_SENT),
        "incidents_notices_sent" => Error::Conflict(NOTICES_MISSING),
        "incidents_patients_named" => Error::Conflict(NO_PATIENTS),
        "incidents_contact_set" => Error::Conflict(NO_CONTACT),
        _ => return incident_fault(constraint),
    })
}

/// The error for fields that don't fit together.
fn incident_fault(constraint: &str) -> Option<Error> {
    let (field, expected) = match constraint {
        "incidents_discovered_by_now" => (
            "discovered_on",
            "expected days that are not in the future on the clinic's calendar",
        ),
        "incidents_breach_days" => (
            "breach_until",
            "expected both days of the breach in their order, or none",
        ),
        "incidents_factors_whole" => (
            "nature_level",
            "expected both the level and the text of each factor, or none",
        ),
        "incidents_decided" => (
            "decision",
            "expected a decision and its reason, which only an open incident may lack",
        ),
        "incidents_breach_presumed" => (
            "decision",
            "expected BREACH, or the levels and texts of all four factors: a breach is presumed otherwise",
        ),
        "incidents_breach_notified" => (
            "status",
            "expected CLOSED: notices are only sent about a breach",
        ),
        "incidents_letter_complete" => (
            "letter_happened",
            "expected all four texts of the letter before patients are notified",
        ),
        "incidents_delay_whole" => (
            "delayed_until",
            "expected all four fields of the delay, which ends on the day of the statement or later, or none",
        ),
        "incidents_delay_oral" => (
            "delayed_until",
            "expected a day within 30 days after the oral statement. A longer delay needs a written one",
        ),
        _ => return None,
    };
    Some(Error::invalid(field, expected))
}
