//! Requests of patients for access to their data, and the packages that answer them (45 CFR 164.524).

use std::collections::BTreeMap;

use errors::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{Jsonb, row, text_enum};

use crate::disclosure::Content;
use crate::ids::{ExportId, PatientId, UserId};
use crate::time::{Date, Timestamp};

text_enum! {
    /// The status of a request for access.
    pub enum ExportStatus: "SCREAMING_SNAKE_CASE" {
        /// It is received. Its package is not begun yet.
        Requested,
        /// Its package is being built.
        Building,
        /// Its package can be downloaded until `available_until`.
        Ready,
        /// The whole request is denied.
        Denied,
        /// It repeats an open request, which answers both.
        Attached,
    }
}

text_enum! {
    /// The ground on which access is denied (45 CFR 164.524(a)).
    pub enum DenialGround: "SCREAMING_SNAKE_CASE" {
        /// The data are psychotherapy notes (164.524(a)(1)(i)).
        PsychotherapyNotes,
        /// The data were compiled for a legal proceeding (164.524(a)(1)(ii)).
        LegalProceeding,
        /// The individual is an inmate, and a copy would endanger somebody's safety (164.524(a)(2)(ii)).
        Inmate,
        /// The data come from research that is in progress, and the individual agreed to wait (164.524(a)(2)(iii)).
        Research,
        /// The Privacy Act permits the denial (164.524(a)(2)(iv)).
        PrivacyAct,
        /// The data came from somebody else under a promise of confidentiality (164.524(a)(2)(v)).
        ConfidentialSource,
        /// Access would endanger the life or physical safety of somebody (164.524(a)(3)(i)).
        EndangersLife,
        /// The data refer to another person, whom access would harm substantially (164.524(a)(3)(ii)).
        HarmsAnotherPerson,
        /// Access by the personal representative would harm somebody substantially (164.524(a)(3)(iii)).
        RepresentativeMayHarm,
    }
}

text_enum! {
    /// The outcome of the review of a denial (45 CFR 164.524(a)(4)).
    pub enum ReviewOutcome: "SCREAMING_SNAKE_CASE" {
        /// The reviewer agrees with the denial.
        Upheld,
        /// The reviewer grants the access that was denied.
        Overturned,
    }
}

/// The entries that are left out of a package on one ground.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct Exclusion {
    /// The ground on which the entries are left out.
    pub ground: DenialGround,
    /// Whether a licensed health care professional reviews the denial if the individual asks for it.
    pub is_reviewable: bool,
    /// The number of these entries.
    #[schemars(range(min = 1))]
    pub entries: i64,
}

row! {
    /// A request for access to a patient's data, with its answer.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Export {
        /// The id of the request, a UUID.
        pub id: ExportId,
        /// The patient about whom data are requested.
        pub patient_id: PatientId,
        /// The user who made the request: the patient, their representative, or a member of staff who recorded it for them.
        pub requested_by: UserId,
        /// The status of the request.
        pub status: ExportStatus,
        /// The open request that this one repeats, and which answers both. Null if it repeats none.
        pub attached_to: Option<ExportId>,
        /// The day on which the clinic received the request, on its calendar.
        pub received_on: Date,
        /// The last day on which the answer is in time: 30 days after the receipt, or 60 if the time was extended.
        pub due_on: Date,
        /// Whether the request is open and `due_on` is over.
        pub is_overdue: bool,
        /// The time at which the clinic extended the time for its answer (RFC 3339, UTC). Null if it did not.
        pub extended_at: Option<Timestamp>,
        /// The reason for the extension. Null if there is none.
        pub extension_reason: Option<String>,
        /// The third party to whom the patient directs the copy. Null if the patient gets it themselves.
        pub recipient_name: Option<String>,
        /// The place to which the copy is sent, such as an e-mail address. Null without a third party.
        pub recipient_address: Option<String>,
        /// The day on which the patient signed the direction to the third party. Null without a third party.
        pub directive_signed_on: Option<Date>,
        /// The fee for the copy in cents, which is 0 unless staff recorded another. The package never waits for a payment.
        #[schemars(range(min = 0, max = 100_000))]
        pub fee_cents: i32,
        /// The reason for the fee. Null if there is none.
        pub fee_reason: Option<String>,
        /// The number of entries that the package is to contain. Null until the package is begun.
        #[schemars(range(min = 0))]
        pub entries_total: Option<i32>,
        /// The number of entries that are written to the package so far.
        #[schemars(range(min = 0))]
        pub entries_done: i32,
        /// The entries that are left out of the package, by ground.
        pub exclusions: Jsonb<Vec<Exclusion>>,
        /// The ground on which the whole request is denied. Null if it is not.
        pub denial_ground: Option<DenialGround>,
        /// The basis for the denial in plain words. Null if the request is not denied.
        pub denial_basis: Option<String>,
        /// The time of the denial (RFC 3339, UTC). Null if the request is not denied.
        pub denied_at: Option<Timestamp>,
        /// Whether the patient can ask for a review of what was denied.
        pub is_reviewable: bool,
        /// The time at which a review was asked for (RFC 3339, UTC). Null if nobody asked.
        pub review_requested_at: Option<Timestamp>,
        /// The outcome of the review. Null if there is none yet.
        pub review_outcome: Option<ReviewOutcome>,
        /// The basis for the outcome in plain words. Null if there is none yet.
        pub review_basis: Option<String>,
        /// The time of the review (RFC 3339, UTC). Null if there is none yet.
        pub reviewed_at: Option<Timestamp>,
        /// The number of entries of each kind in the package, for example `{"LAB_RESULT": 12}`. Null until it is ready.
        pub contents: Option<Jsonb<BTreeMap<String, i64>>>,
        /// The size of the package in bytes. Null until it is ready.
        #[schemars(range(min = 1))]
        pub package_size: Option<i64>,
        /// The SHA-256 digest of the package, as 64 lower-case hexadecimal digits. Null until it is ready.
        pub package_sha256: Option<String>,
        /// The time at which the package was ready (RFC 3339, UTC). Null until then.
        pub ready_at: Option<Timestamp>,
        /// The time until which the package can be downloaded (RFC 3339, UTC). Null until it is ready.
        pub available_until: Option<Timestamp>,
        /// The time at which the request was recorded (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The version number of the request: it starts at 1 and grows by 1 with each change. The `ETag` header carries it
        /// too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for Export {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// A `select` statement for an [`Export`], whose table is `e`. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_export {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select e.id, e.patient_id, e.requested_by, e.status::text as status, e.attached_to, e.received_on, e.due_on,
               e.status in ('REQUESTED', 'BUILDING') and e.due_on < clinic_day(now()) as is_overdue, e.extended_at,
               e.extension_reason, e.recipient_name, e.recipient_address, e.directive_signed_on, e.fee_cents, e.fee_reason,
               e.entries_total, e.entries_done, export_exclusions_of(e) as exclusions,
               e.denial_ground::text as denial_ground, e.denial_basis, e.denied_at,
               is_denial_reviewable(e) as is_reviewable, e.review_requested_at,
               e.review_outcome::text as review_outcome, e.review_basis, e.reviewed_at, e.contents, e.package_size,
               encode(e.package_sha256, 'hex') as package_sha256, e.ready_at, e.available_until, e.created_at,
               e.updated_at, e.version
             from exports e ",
            $($rest),+
        )
    };
}

const NOT_OPEN: &str = "The request is not open. It is answered, or it repeats another one.";
const EXTENDED: &str = "The time was extended already. The law allows one extension.";
const TOO_LATE: &str = "The time can only be extended before it is over.";
const DENIED: &str = "The request is denied already.";
const NOT_REVIEWABLE: &str = "Nothing of this request was denied on a ground that is reviewed.";
const ASKED: &str = "A review was asked for already.";
const NOT_ASKED: &str = "Nobody asked for a review, or there was one.";
const TOOK_PART: &str = "Whoever took part in a denial does not review it.";

/// The conflicts of a step on a request: see [`export_rule`].
pub const CONFLICTS: &[&str] = &[
    NOT_OPEN,
    EXTENDED,
    TOO_LATE,
    DENIED,
    NOT_REVIEWABLE,
    ASKED,
    NOT_ASKED,
];

/// The error for a step on a request that violates this constraint.
pub fn export_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "exports_open" => Error::Conflict(NOT_OPEN),
        "exports_extended_once" => Error::Conflict(EXTENDED),
        "exports_extended_in_time" => Error::Conflict(TOO_LATE),
        "exports_denied_once" => Error::Conflict(DENIED),
        "exports_reviewable" => Error::Conflict(NOT_REVIEWABLE),
        "exports_review_asked_once" => Error::Conflict(ASKED),
        "exports_review_asked" => Error::Conflict(NOT_ASKED),
        "exports_reviewed_by_another" => Error::Forbidden(TOOK_PART),
        "export_exclusions_of_record" => Error::invalid(
            "record_ids",
            "expected ids of medical records of the patient",
        ),
        _ => return export_fault(constraint),
    })
}

/// The error for fields of a new request that don't fit together.
fn export_fault(constraint: &str) -> Option<Error> {
    let (field, expected) = match constraint {
        "exports_received_by_now" | "exports_received_lately" => (
            "received_on",
            "expected a day of the last 60 days on the clinic's calendar",
        ),
        "exports_received_today" => (
            "received_on",
            "expected no day: only staff record when a request was received",
        ),
        "exports_directive_signed_by_now" => (
            "recipient.signed_on",
            "expected a day that is not in the future on the clinic's calendar",
        ),
        "exports_fee_by_clinic" => ("fee", "expected no fee: only staff record one"),
        _ => return None,
    };
    Some(Error::invalid(field, expected))
}
