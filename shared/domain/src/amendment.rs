//! Amendments of entries in a chart (45 CFR 164.526): requests of patients, the clinic's decisions about them, and what other
//! covered entities told.

use errors::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{Jsonb, row, text_enum};

use crate::disclosure::Content;
use crate::ids::{AmendmentId, AmendmentRecipientId, FileId, PatientId, RecordId, UserId};
use crate::time::{Date, Timestamp};

text_enum! {
    /// The origin of an amendment.
    pub enum AmendmentOrigin: "SCREAMING_SNAKE_CASE" {
        /// The patient requested it.
        Request,
        /// Another covered entity told the clinic of it (45 CFR 164.526(e)).
        OtherEntity,
    }
}

text_enum! {
    /// The status of an amendment.
    pub enum AmendmentStatus: "SCREAMING_SNAKE_CASE" {
        /// The patient requested it, and nobody decided about it yet.
        Requested,
        /// The clinic accepted it. The addendum says what the entry is amended to.
        Accepted,
        /// The clinic accepted a part of it and denied the rest.
        PartlyAccepted,
        /// The clinic denied it.
        Denied,
    }
}

text_enum! {
    /// A person who sends a request for an amendment.
    pub enum AmendmentRequester: "SCREAMING_SNAKE_CASE" {
        /// The patient sent it.
        Patient,
        /// A representative of the patient sent it.
        Representative,
        /// A member of the care team recorded what the patient or their representative wrote.
        Staff,
    }
}

text_enum! {
    /// A part of the patient's profile that an amendment can be about.
    pub enum AmendmentField: "SCREAMING_SNAKE_CASE" {
        /// The name of the patient.
        Name,
        /// The date of birth.
        DateOfBirth,
        /// The administrative gender of the patient.
        Gender,
        /// The medical history of the patient.
        MedicalHistory,
        /// The allergies and intolerances.
        Allergies,
        /// The goals of the patient's care.
        HealthGoals,
        /// The risk factors of the patient.
        RiskFactors,
    }
}

text_enum! {
    /// The ground on which a requested amendment is denied (45 CFR 164.526(a)(2)).
    pub enum AmendmentDenialGround: "SCREAMING_SNAKE_CASE" {
        /// The clinic did not create the entry, and whoever created it can still act on a request (45 CFR 164.526(a)(2)(i)).
        NotCreatedHere,
        /// The entry is not part of the designated record set (45 CFR 164.526(a)(2)(ii)).
        NotInRecordSet,
        /// The patient has no right of access to the entry (45 CFR 164.526(a)(2)(iii)).
        NotOpenToAccess,
        /// The entry is accurate and complete (45 CFR 164.526(a)(2)(iv)).
        AccurateAndComplete,
    }
}

text_enum! {
    /// The reason why a recipient must be informed of an amendment (45 CFR 164.526(c)(3)).
    pub enum AmendmentRecipientSource: "SCREAMING_SNAKE_CASE" {
        /// The patient named the recipient and agrees that the clinic informs them.
        Named,
        /// The clinic knows that the recipient has the entry and may rely on it.
        Known,
    }
}

/// Somebody who must be informed of an amendment.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct AmendmentRecipient {
    /// The id of the recipient, a UUID.
    pub id: AmendmentRecipientId,
    /// The reason why the recipient must be informed.
    pub source: AmendmentRecipientSource,
    /// The name of the recipient, a person or an organisation.
    pub name: String,
    /// The address or another way to reach the recipient. Null if none was given.
    pub contact: Option<String>,
    /// The user who added the recipient. Null if an operator did.
    pub added_by: Option<UserId>,
    /// The time at which the recipient was added (RFC 3339, UTC).
    pub added_at: Timestamp,
    /// The day on which the recipient was informed. Null until then.
    pub informed_on: Option<Date>,
    /// The way in which the recipient was informed, for example `Letter`. Null until then.
    pub informed_by_means: Option<String>,
    /// The user who recorded that the recipient was informed. Null until then.
    pub informed_by: Option<UserId>,
}

row! {
    /// An amendment of an entry in a patient's chart. The entry itself stays as it is.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Amendment {
        /// The id of the amendment, a UUID.
        pub id: AmendmentId,
        /// The patient with the entry in their chart.
        pub patient_id: PatientId,
        /// The medical record that the amendment is about. Null if it is about a file or the profile.
        pub record_id: Option<RecordId>,
        /// The file that the amendment is about. Null if it is about a medical record or the profile.
        pub file_id: Option<FileId>,
        /// The part of the patient's profile that the amendment is about. Null if it is about a medical record or a file.
        pub profile_field: Option<AmendmentField>,
        /// The origin of the amendment.
        pub origin: AmendmentOrigin,
        /// The status of the amendment.
        pub status: AmendmentStatus,
        /// The statement of what is wrong with the entry. Null if another entity told the amendment.
        pub statement: Option<String>,
        /// The text that the entry should have instead. Null if another entity told the amendment.
        pub correction: Option<String>,
        /// The reason for the request. Null if another entity told the amendment.
        pub reason: Option<String>,
        /// The kind of person who sent the request. Null if another entity told the amendment.
        pub requester: Option<AmendmentRequester>,
        /// The user who sent the request, or who recorded it. Null if an operator did.
        pub recorded_by: Option<UserId>,
        /// The covered entity that told the clinic of the amendment. Null for a request.
        pub told_by: Option<String>,
        /// The day on which the clinic received the request, on the clinic's calendar.
        pub received_on: Date,
        /// The last day on which the clinic decides in time: 60 days after the receipt, and 30 more if the time was extended.
        /// Null if another entity told the amendment.
        pub due_on: Option<Date>,
        /// Whether `due_on` is over and nobody decided.
        pub is_overdue: bool,
        /// The reason why the clinic needs 30 more days. Null if the time was not extended.
        pub extension_reason: Option<String>,
        /// The user who extended the time. Null if it was not extended.
        pub extended_by: Option<UserId>,
        /// The time of the extension (RFC 3339, UTC). Null if the time was not extended.
        pub extended_at: Option<Timestamp>,
        /// The text by which the entry is amended. Null unless the amendment is accepted, at least in part.
        pub addendum: Option<String>,
        /// The ground on which the amendment, or a part of it, is denied. Null if nothing is denied.
        pub denial_ground: Option<AmendmentDenialGround>,
        /// The basis of the denial in plain language. Null if nothing is denied.
        pub denial_basis: Option<String>,
        /// The user who decided. Null until there is a decision.
        pub decided_by: Option<UserId>,
        /// The time of the decision (RFC 3339, UTC). Null until there is a decision.
        pub decided_at: Option<Timestamp>,
        /// The patient's statement of disagreement with the denial. Null if there is none.
        pub disagreement: Option<String>,
        /// The user who sent or recorded the statement of disagreement. Null if there is none.
        pub disagreed_by: Option<UserId>,
        /// The time of the statement of disagreement (RFC 3339, UTC). Null if there is none.
        pub disagreed_at: Option<Timestamp>,
        /// The clinic's rebuttal of the statement of disagreement. Null if there is none.
        pub rebuttal: Option<String>,
        /// The user who wrote the rebuttal. Null if there is none.
        pub rebutted_by: Option<UserId>,
        /// The time of the rebuttal (RFC 3339, UTC). Null if there is none.
        pub rebutted_at: Option<Timestamp>,
        /// The persons and organisations that must be informed of the amendment, in the order in which they were added.
        pub recipients: Jsonb<Vec<AmendmentRecipient>>,
        /// The time at which the amendment was recorded (RFC 3339, UTC).
        pub created_at: Timestamp,
    }
}

impl Content for Amendment {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// An amendment as the answer with its entry names it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct AmendmentLink {
    /// The id of the amendment, a UUID. `GET /v1/amendments/{id}` reads it.
    pub id: AmendmentId,
    /// The status of the amendment.
    pub status: AmendmentStatus,
}

/// The column `amendments` of an entry: the newest 20 that the caller reads and that satisfy the condition on the table `a`.
#[macro_export]
macro_rules! amendment_links {
    ($condition:literal) => {
        concat!(
            "coalesce((
               select jsonb_agg(jsonb_build_object('id', n.id, 'status', n.status) order by n.created_at desc, n.id desc)
               from (
                 select a.id, a.status::text as status, a.created_at from amendments a
                 where ", $condition, " order by a.created_at desc, a.id desc limit 20
               ) as n
             ), '[]') as amendments"
        )
    };
}

/// A `select` statement for an [`Amendment`]. The table is `a`. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_amendment {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select a.id, a.patient_id, a.record_id, a.file_id, a.profile_field::text as profile_field,
               a.origin::text as origin, a.status::text as status, a.statement, a.correction, a.reason,
               a.requester::text as requester, a.recorded_by, a.told_by, a.received_on, a.due_on,
               a.status = 'REQUESTED' and a.due_on < clinic_day(now()) as is_overdue,
               a.extension_reason, a.extended_by, a.extended_at, a.addendum, a.denial_ground::text as denial_ground,
               a.denial_basis, a.decided_by, a.decided_at, a.disagreement, a.disagreed_by, a.disagreed_at, a.rebuttal,
               a.rebutted_by, a.rebutted_at,
               coalesce((
                 select jsonb_agg(jsonb_build_object(
                   'id', r.id, 'source', r.source, 'name', r.name, 'contact', r.contact, 'added_by', r.added_by,
                   'added_at', r.added_at, 'informed_on', r.informed_on, 'informed_by_means', r.informed_by_means,
                   'informed_by', r.informed_by
                 ) order by r.added_at, r.id)
                 from amendment_recipients r where r.amendment_id = a.id
               ), '[]') as recipients,
               a.created_at
             from amendments a ",
            $($rest),+
        )
    };
}

/// The conflict of a decision about an amendment that needs none.
pub const DECIDED: &str =
    "The clinic has decided about the amendment already, or another entity told it.";
/// The conflict of a second extension.
pub const EXTENDED: &str =
    "The time was extended already. The law allows one extension of 30 days.";
const EXTENDED_LATE: &str =
    "The due date is over, so the time can't be extended any more. Decide now.";
const NO_CONTACT: &str = "The letter of a denial needs a telephone number for complaints. Ask the operator to set it with migrate clinic-contact.";
const NOT_DENIED: &str =
    "Nothing of the amendment was denied, so there is nothing to disagree with.";
/// The conflict of a second statement of disagreement.
pub const DISAGREED: &str = "There is a statement of disagreement already.";
const NOT_DISAGREED: &str = "There is no statement of disagreement to rebut.";
/// The conflict of a second rebuttal.
pub const REBUTTED: &str = "There is a rebuttal already.";
const MANY_OPEN: &str = "The patient has 100 requests without a decision. Wait for a decision.";
const ONESELF: &str = "Nobody can decide about an amendment that they requested themselves, or that concerns themselves or a patient whom they represent.";

/// The conflicts of the steps that the clinic takes: see [`amendment_rule`].
pub const DECISION_CONFLICTS: &[&str] = &[DECIDED, NO_CONTACT];
/// The conflicts of an extension.
pub const EXTENSION_CONFLICTS: &[&str] = &[DECIDED, EXTENDED, EXTENDED_LATE];
/// The conflicts of a statement of disagreement.
pub const DISAGREEMENT_CONFLICTS: &[&str] = &[NOT_DENIED, DISAGREED];
/// The conflicts of a rebuttal.
pub const REBUTTAL_CONFLICTS: &[&str] = &[NOT_DISAGREED, REBUTTED];
/// The conflicts of a request.
pub const REQUEST_CONFLICTS: &[&str] = &[MANY_OPEN];

/// The error for a step that violates this constraint.
pub fn amendment_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "amendments_of_another" => Error::Forbidden(ONESELF),
        "amendments_open" => Error::Conflict(DECIDED),
        "amendments_extended_once" => Error::Conflict(EXTENDED),
        "amendments_extended_in_time" => Error::Conflict(EXTENDED_LATE),
        "amendments_contact_set" => Error::Conflict(NO_CONTACT),
        "amendments_denied_first" => Error::Conflict(NOT_DENIED),
        "amendments_disagreed_once" => Error::Conflict(DISAGREED),
        "amendments_disagreed_first" => Error::Conflict(NOT_DISAGREED),
        "amendments_rebutted_once" => Error::Conflict(REBUTTED),
        "amendments_open_limit" => Error::Conflict(MANY_OPEN),
        "amendments_received_by_now" => Error::invalid(
            "received_on",
            "expected a day that is not in the future on the clinic's calendar",
        ),
        "amendments_received_today" => Error::invalid(
            "received_on",
            "expected null: the clinic receives this request today",
        ),
        _ => return None,
    })
}

/// The error for an entry that is not exactly one.
pub fn one_entry(
    record: Option<RecordId>,
    file: Option<FileId>,
    field: Option<AmendmentField>,
) -> Result<(), Error> {
    let named = [record.is_some(), file.is_some(), field.is_some()];
    match named.into_iter().filter(|is_named| *is_named).count() {
        1 => Ok(()),
        _ => Err(Error::invalid(
            "record_id",
            "expected exactly one of record_id, file_id and profile_field",
        )),
    }
}
