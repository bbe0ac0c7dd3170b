//! Disclosures of patient data, and the accounting of them (45 CFR 164.528).

use errors::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{row, text_enum};

use crate::disclosure::Content;
use crate::ids::{AccountingId, AnyId, DisclosureId, FileId, PatientId, UserId};
use crate::incident::DelayStatement;
use crate::number::Whole;
use crate::text::{Line, Text};
use crate::time::{Date, Timestamp};

text_enum! {
    /// The legal basis of a disclosure. The first ten are left out of an accounting (45 CFR 164.528(a)(1)).
    pub enum DisclosureBasis: "SCREAMING_SNAKE_CASE" {
        /// The treatment of the patient (45 CFR 164.506).
        Treatment,
        /// The payment for the patient's care (45 CFR 164.506).
        Payment,
        /// The operations of the clinic (45 CFR 164.506).
        Operations,
        /// A disclosure to the patient or whoever represents them (45 CFR 164.502(a)(1)(i)).
        Individual,
        /// An incident of a permitted use or disclosure (45 CFR 164.502(a)(1)(iii)).
        Incidental,
        /// An authorization of the patient (45 CFR 164.508).
        Authorization,
        /// The directory of the facility, or persons who are involved in the patient's care (45 CFR 164.510).
        Directory,
        /// National security or intelligence (45 CFR 164.512(k)(2)).
        NationalSecurity,
        /// A correctional institution or a law enforcement official who has the patient in custody (45 CFR 164.512(k)(5)).
        Custody,
        /// A limited data set (45 CFR 164.514(e)).
        LimitedDataSet,
        /// A law requires it (45 CFR 164.512(a)).
        RequiredByLaw,
        /// Public health activities (45 CFR 164.512(b)).
        PublicHealth,
        /// A report of abuse, neglect or domestic violence (45 CFR 164.512(c)).
        AbuseReport,
        /// Health oversight (45 CFR 164.512(d)).
        HealthOversight,
        /// Judicial and administrative proceedings (45 CFR 164.512(e)).
        Judicial,
        /// Law enforcement (45 CFR 164.512(f)).
        LawEnforcement,
        /// Coroners, medical examiners and funeral directors (45 CFR 164.512(g)).
        Decedent,
        /// The donation of organs, eyes or tissue (45 CFR 164.512(h)).
        OrganDonation,
        /// Research without an authorization (45 CFR 164.512(i)).
        Research,
        /// A serious threat to health or safety (45 CFR 164.512(j)).
        SeriousThreat,
        /// Another specialized function of the government, for example of the armed forces (45 CFR 164.512(k)).
        GovernmentFunction,
        /// Workers' compensation (45 CFR 164.512(l)).
        WorkersCompensation,
        /// An investigation by the Secretary of Health and Human Services (45 CFR 164.502(a)(2)(ii)).
        HhsInvestigation,
        /// The disclosure was not permitted.
        Impermissible,
    }
}

/// The statement of an oversight agency or a law enforcement official that an accounting must leave a disclosure out for a
/// time (45 CFR 164.528(a)(2)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// The form of the statement.
    pub statement: DelayStatement,
    /// The day of the statement.
    pub stated_on: Date,
    /// The agency or official who made the statement.
    pub official: Line<300>,
    /// The last day on which the accounting leaves it out. After an oral statement it is 30 days later at most.
    pub until: Date,
}

/// The columns of a suspension, which are all null if there is none.
pub type SuspensionParts = (
    Option<DelayStatement>,
    Option<Date>,
    Option<Line<300>>,
    Option<Date>,
);

impl Suspension {
    /// The columns of a suspension.
    pub fn parts(suspension: Option<Self>) -> SuspensionParts {
        match suspension {
            Some(it) => (
                Some(it.statement),
                Some(it.stated_on),
                Some(it.official),
                Some(it.until),
            ),
            None => (None, None, None, None),
        }
    }
}

/// A disclosure to record. Its texts may be read by the patient.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDisclosure {
    /// The patient to whom the disclosed data belong.
    pub patient_id: PatientId,
    /// The day of the disclosure, or of the first of several to the same recipient for the same purpose.
    pub disclosed_on: Date,
    /// The day of the last of several disclosures. Null if there was one.
    pub last_on: Option<Date>,
    /// The number of several disclosures. Either this or `frequency` is required with `last_on`.
    pub times: Option<Whole<2, 100_000>>,
    /// The frequency of several disclosures in words, for example `each Monday`.
    pub frequency: Option<Line<200>>,
    /// The name of whoever received the data.
    pub recipient_name: Line<300>,
    /// The address of the recipient, if it is known.
    pub recipient_address: Option<Line<500>>,
    /// A brief description of the data.
    pub description: Text<2000>,
    /// A brief statement of the purpose. It is required unless `request_file_id` is given instead.
    pub purpose: Option<Text<2000>>,
    /// A file of the patient's chart with a copy of the written request for the disclosure.
    pub request_file_id: Option<FileId>,
    /// The legal basis of the disclosure.
    pub basis: DisclosureBasis,
    /// The statement that an accounting must leave the disclosure out for a time. Null if there is none.
    pub suspension: Option<Suspension>,
}

row! {
    /// A disclosure of patient data that was made outside of the API.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Disclosure {
        /// The id of the disclosure, a UUID. A correction has an id of its own.
        pub id: DisclosureId,
        /// The disclosure that this one replaces. Null unless it is a correction.
        pub corrects_id: Option<DisclosureId>,
        /// The reason for the correction. Null unless it is a correction.
        pub correction_reason: Option<String>,
        /// The correction that replaces this disclosure. Null if there is none.
        pub corrected_by_id: Option<DisclosureId>,
        /// Whether the correction says that there was no such disclosure.
        pub is_withdrawn: bool,
        /// The patient to whom the disclosed data belong.
        pub patient_id: PatientId,
        /// The day of the disclosure, or of the first of several to the same recipient for the same purpose.
        pub disclosed_on: Date,
        /// The day of the last of several disclosures. Null if there was one.
        pub last_on: Option<Date>,
        /// The number of disclosures. Null if there was one, or if `frequency` says it.
        pub times: Option<i32>,
        /// The frequency of several disclosures in words, for example `each Monday`. Null if there was one.
        pub frequency: Option<String>,
        /// The name of whoever received the data.
        pub recipient_name: String,
        /// The address of the recipient. Null if it is not known.
        pub recipient_address: Option<String>,
        /// A brief description of the data.
        pub description: String,
        /// A brief statement of the purpose. Null if `request_file_id` is given instead.
        pub purpose: Option<String>,
        /// A file of the patient's chart with a copy of the written request for the disclosure. Null if there is none.
        pub request_file_id: Option<FileId>,
        /// The legal basis of the disclosure.
        pub basis: DisclosureBasis,
        /// Whether an accounting names disclosures on this basis.
        pub is_accounted: bool,
        /// The form in which an agency or official stated that the accounting must leave it out. Null without a statement.
        pub suspension_statement: Option<DelayStatement>,
        /// The day of the statement. Null without a statement.
        pub suspension_stated_on: Option<Date>,
        /// The agency or official who made the statement. Null without a statement.
        pub suspension_official: Option<String>,
        /// The last day on which an accounting leaves it out. Null without a statement.
        pub suspended_until: Option<Date>,
        /// The user who recorded it. Null if an operator did.
        pub recorded_by: Option<UserId>,
        /// The time at which it was recorded (RFC 3339, UTC).
        pub recorded_at: Timestamp,
    }
}

impl Content for Disclosure {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// A `select` statement for a [`Disclosure`]. The table is `d`. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_disclosure {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select d.id, d.corrects_id, d.correction_reason,
               (select later.id from disclosures later where later.corrects_id = d.id) as corrected_by_id,
               d.is_withdrawn, d.patient_id,
               d.disclosed_on, d.last_on, d.times, d.frequency, d.recipient_name, d.recipient_address, d.description,
               d.purpose, d.request_file_id, d.basis::text as basis, is_accounted(d.basis) as is_accounted,
               d.suspension_statement::text as suspension_statement, d.suspension_stated_on, d.suspension_official,
               d.suspended_until, d.recorded_by, d.recorded_at
             from disclosures d ",
            $($rest),+
        )
    };
}

/// What the caller reads if a disclosure was corrected already.
pub const CORRECTED: &str =
    "The disclosure was corrected already. Correct the newest correction instead.";

/// The error for a disclosure that violates this constraint.
pub fn disclosure_rule(constraint: &str) -> Option<Error> {
    let (field, expected) = match constraint {
        "disclosures_corrects_key" => return Some(Error::Conflict(CORRECTED)),
        "disclosures_patient_exists" => ("patient_id", "expected the id of a patient"),
        "disclosures_by_now" => (
            "disclosed_on",
            "expected days that are not in the future on the clinic's calendar",
        ),
        "disclosures_recurring" => (
            "last_on",
            "expected the last day, which is not before the first, together with the number or the frequency, or none of them",
        ),
        "disclosures_purpose_given" => (
            "purpose",
            "expected the purpose, or the file with a copy of the written request",
        ),
        "disclosures_request_file" => (
            "request_file_id",
            "expected the id of a file of the patient's chart",
        ),
        "disclosures_suspension_whole" => (
            "suspension",
            "expected an end that is not before the day of the statement",
        ),
        "disclosures_suspension_basis" => (
            "suspension",
            "expected the basis HEALTH_OVERSIGHT or LAW_ENFORCEMENT: only such a disclosure can be left out for a time",
        ),
        "disclosures_suspension_oral" => (
            "suspension",
            "expected an end within 30 days after the oral statement. A longer time needs a written one",
        ),
        _ => return None,
    };
    Some(Error::invalid(field, expected))
}

text_enum! {
    /// The status of a request for an accounting.
    pub enum AccountingStatus: "SCREAMING_SNAKE_CASE" {
        /// There is a fee, because another accounting was requested within twelve months. The patient must accept it,
        /// change the period or withdraw the request.
        AwaitingConsent,
        /// The accounting will be provided by its due date.
        Open,
        /// The accounting was provided. It never changes again.
        Provided,
        /// The patient withdrew the request. It never changes again.
        Withdrawn,
    }
}

row! {
    /// A request for an accounting of disclosures.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Accounting {
        /// The id of the accounting, a UUID.
        pub id: AccountingId,
        /// The patient to whom the disclosed data belong.
        pub patient_id: PatientId,
        /// The first day that it covers.
        pub covered_from: Date,
        /// The last day that it covers.
        pub covered_until: Date,
        /// The status of the request.
        pub status: AccountingStatus,
        /// The day on which the clinic received the request, on the clinic's calendar.
        pub received_on: Date,
        /// The last day on which the accounting is in time: 60 days after `received_on`, and 30 more if it was extended.
        pub due_on: Date,
        /// Whether the due date is over and the accounting is neither provided nor withdrawn.
        pub is_overdue: bool,
        /// The time at which the due date was extended (RFC 3339, UTC). Null if it was not.
        pub extended_at: Option<Timestamp>,
        /// The user who extended the due date. Null if it was not extended.
        pub extended_by: Option<UserId>,
        /// The reason for the extension, which the letter to the patient has. Null if it was not extended.
        pub extension_reason: Option<String>,
        /// The fee in cents. It is 0 for the first accounting within twelve months.
        pub fee_cents: i32,
        /// The time at which the fee was accepted (RFC 3339, UTC). Null if it was not, or if there is none.
        pub fee_accepted_at: Option<Timestamp>,
        /// The user who requested it, for themself or for the patient. Null if an operator did.
        pub requested_by: Option<UserId>,
        /// The time at which it was provided (RFC 3339, UTC). Null if it was not yet.
        pub provided_at: Option<Timestamp>,
        /// The user who provided it. Null if nobody did yet.
        pub provided_by: Option<UserId>,
        /// The time at which it was withdrawn (RFC 3339, UTC). Null if it was not.
        pub withdrawn_at: Option<Timestamp>,
        /// The time at which the request was entered (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The version number of the request: it starts at 1 and grows by 1 with each change. The `ETag` header carries it
        /// too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for Accounting {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// A `select` statement for an [`Accounting`]. The table is `a`. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_accounting {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select a.id, a.patient_id, a.covered_from, a.covered_until, a.status::text as status, a.received_on, a.due_on,
               a.status in ('AWAITING_CONSENT', 'OPEN') and a.due_on < clinic_day(now()) as is_overdue, a.extended_at,
               a.extended_by, a.extension_reason, a.fee_cents, a.fee_accepted_at, a.requested_by, a.provided_at,
               a.provided_by, a.withdrawn_at, a.created_at, a.updated_at, a.version
             from accountings a ",
            $($rest),+
        )
    };
}

/// The source of an entry in an accounting.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntrySource {
    /// Somebody recorded the disclosure.
    Recorded,
    /// The audit log marks the disclosure.
    AuditLog,
    /// An incident found the disclosure.
    Incident,
}

/// A disclosure as an accounting lists it (45 CFR 164.528(b)(2)).
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct AccountingEntry {
    /// The source of the entry.
    pub source: EntrySource,
    /// The id of the recorded disclosure, of the audit row or of the incident.
    pub source_id: AnyId,
    /// The day of the disclosure, or of the first of several to the same recipient for the same purpose.
    pub disclosed_on: Date,
    /// The day of the last of several disclosures. Null if there was one.
    pub last_on: Option<Date>,
    /// The number of disclosures. Null if there was one, or if `frequency` says it.
    pub times: Option<i32>,
    /// The frequency of several disclosures in words. Null if there was one.
    pub frequency: Option<String>,
    /// The name of whoever received the data.
    pub recipient_name: String,
    /// The address of the recipient. Null if it is not known.
    pub recipient_address: Option<String>,
    /// A brief description of the data.
    pub description: String,
    /// A brief statement of the purpose. Null if `request_file_id` is given instead.
    pub purpose: Option<String>,
    /// The file of the patient's chart with a copy of the written request for the disclosure. Null if there is none.
    pub request_file_id: Option<FileId>,
    /// The legal basis of the disclosure. Null if it is not known.
    pub basis: Option<DisclosureBasis>,
}

const CLOSED: &str =
    "The accounting was provided or withdrawn and never changes again. Request another one.";
const TRANSITION: &str = "The status can't change so.";
/// The conflict if the due date was extended already.
pub const EXTENDED: &str = "The due date was extended already. It can be extended once.";
const TOO_LATE: &str = "The first due date is over, so it can't be extended any more.";
const CONSENT: &str =
    "The patient has not accepted the fee yet. The accounting is provided after that.";

/// The conflicts of a change of an accounting.
pub const CHANGE_CONFLICTS: &[&str] = &[CLOSED, TRANSITION];

/// The conflicts of an extension.
pub const EXTENSION_CONFLICTS: &[&str] = &[CLOSED, EXTENDED, TOO_LATE];

/// The conflicts of providing an accounting.
pub const PROVISION_CONFLICTS: &[&str] = &[CLOSED, CONSENT];

/// The error for providing an accounting that violates this constraint.
pub fn provision_rule(constraint: &str) -> Option<Error> {
    match constraint {
        "accountings_transition" => Some(Error::Conflict(CONSENT)),
        _ => accounting_rule(constraint),
    }
}

/// The error for a step on an accounting that violates this constraint.
pub fn accounting_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "accountings_closed" => Error::Conflict(CLOSED),
        "accountings_transition" => Error::Conflict(TRANSITION),
        "accountings_extended_once" => Error::Conflict(EXTENDED),
        "accountings_extended_in_time" => Error::Conflict(TOO_LATE),
        "accountings_patient_exists" => {
            Error::invalid("patient_id", "expected the id of a patient")
        }
        "accountings_received_by_now" => Error::invalid(
            "received_on",
            "expected a day that is not in the future on the clinic's calendar",
        ),
        "accountings_period" => Error::invalid(
            "covered_from",
            "expected a day within the six years before the request, and not after covered_until, which is not after the request",
        ),
        _ => return None,
    })
}
