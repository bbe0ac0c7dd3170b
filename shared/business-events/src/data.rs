//! The data of business events, one struct for each kind of subject.
//!
//! Triggers such as those in `migrations/V0026__business_events.sql` write the data as JSON. Nothing here is read or written when
//! a function runs: the structs describe the JSON in `openapi.json` and `asyncapi.json`, and a scenario compares each
//! event that the database writes with them. An optional member is left out, and never null.

use domain::accounting::AccountingStatus;
use domain::alert::AlertStatus;
use domain::amendment::AmendmentStatus;
use domain::appointment::AppointmentStatus;
use domain::care::CareBasis;
use domain::emergency::EmergencyReview;
use domain::export::ExportStatus;
use domain::file::{FileOwnerType, FileScan, FileStatus};
use domain::ids::{
    AccountingId, AlertId, AmendmentId, AnyId, AppointmentId, EmergencyAccessId, ExportId, FileId,
    IncidentId, PatientId, ProviderId, RecordId, RepresentativeId, UserId, WebhookId,
};
use domain::incident::IncidentStatus;
use domain::record::RecordType;
use domain::representative::RepresentativeBasis;
use domain::time::Timestamp;
use domain::user::UserStatus;
use domain::webhook::{DisabledReason, WebhookStatus};
use schemars::JsonSchema;
use serde::Serialize;

/// The data of an event about an appointment.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AppointmentEventData {
    /// The appointment that the event is about.
    pub appointment_id: AppointmentId,
    /// The patient who has the appointment.
    pub patient_id: PatientId,
    /// The provider whom the patient meets.
    pub provider_id: ProviderId,
    /// The status of the appointment after the change.
    pub status: AppointmentStatus,
    /// The status of the appointment before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<AppointmentStatus>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the appointment is new or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["notes"])]
    pub changed: Option<Vec<String>>,
    /// The version of the appointment after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event that announces an appointment ahead of its time.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AppointmentDueEventData {
    /// The appointment that the event is about.
    pub appointment_id: AppointmentId,
    /// The patient who has the appointment.
    pub patient_id: PatientId,
    /// The provider whom the patient meets.
    pub provider_id: ProviderId,
    /// The status of the appointment, `SCHEDULED`.
    pub status: AppointmentStatus,
    /// The time from the reminder to the appointment, an offset of the clinic (ISO 8601 duration), for example `P2D`.
    #[schemars(example = &"P2D", regex(pattern = r"^P(T?[1-9][0-9]*[DHM])+$"))]
    pub offset: String,
    /// The version of the appointment.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about a medical record.
#[derive(Debug, JsonSchema, Serialize)]
pub struct RecordEventData {
    /// The medical record that the event is about.
    pub record_id: RecordId,
    /// The patient whom the record is about.
    pub patient_id: PatientId,
    /// The provider who is responsible for the record. It is left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// The appointment at which the record was made. It is left out if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<AppointmentId>,
    /// The type of the record, for example `DIAGNOSIS`.
    pub record_type: RecordType,
    /// The end of the hold that withholds the record from the patient (RFC 3339, UTC). It is left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the record is new or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["notes"])]
    pub changed: Option<Vec<String>>,
    /// The version of the record after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about a file.
#[derive(Debug, JsonSchema, Serialize)]
pub struct FileEventData {
    /// The file that the event is about.
    pub file_id: FileId,
    /// The user who owns the file.
    pub owner_id: UserId,
    /// The kind of owner: patient, provider or appointment.
    pub owner_type: FileOwnerType,
    /// The patient whom the file is about. It is left out if the owner is a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<PatientId>,
    /// The appointment that the file belongs to. It is left out unless `owner_type` is `APPOINTMENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<AppointmentId>,
    /// The medical record that the file belongs to. It is left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_id: Option<RecordId>,
    /// The status of the file after the change.
    pub status: FileStatus,
    /// The result of the malware scan.
    pub scan: FileScan,
    /// The names of the fields that changed, in alphabetical order. It is left out if the file is new or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["status"])]
    pub changed: Option<Vec<String>>,
    /// The version of the file after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about a patient.
#[derive(Debug, JsonSchema, Serialize)]
pub struct PatientEventData {
    /// The patient that the event is about.
    pub patient_id: PatientId,
    /// The account of the patient.
    pub user_id: UserId,
    /// The names of the fields that changed, in alphabetical order. It is left out if the patient is new or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["allergies"])]
    pub changed: Option<Vec<String>>,
    /// The version of the patient after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about patients who may be the same person.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DuplicatesFoundEventData {
    /// The patient who was registered.
    pub patient_id: PatientId,
    /// Up to ten other patients who may be the same person, the most similar first.
    #[schemars(length(min = 1, max = 10))]
    pub likely_duplicates: Vec<PatientId>,
}

/// The data of an event about the care of a patient.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CareEventData {
    /// The patient who is in care.
    pub patient_id: PatientId,
    /// The user who has the patient in care.
    pub member_id: UserId,
    /// The reason for which the patient is in the care of the user.
    pub basis: CareBasis,
    /// The provider of an assignment, the appointment of a visit, or the user of a referral or cover.
    pub source: AnyId,
    /// The end of the care (RFC 3339, UTC). It is left out for an assignment without an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether the care is suspended, because the user's licence is not verified or their account is not active.
    pub is_suspended: bool,
}

/// The data of an event about an emergency access.
#[derive(Debug, JsonSchema, Serialize)]
pub struct EmergencyAccessEventData {
    /// The emergency access that the event is about.
    pub emergency_access_id: EmergencyAccessId,
    /// The patient whom the user reaches.
    pub patient_id: PatientId,
    /// The user who granted themself the access.
    pub member_id: UserId,
    /// The time at which the access ends by itself (RFC 3339, UTC).
    pub ends_at: Timestamp,
    /// The result of the review. It is left out if there was none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<EmergencyReview>,
}

/// The data of an event about a provider.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ProviderEventData {
    /// The provider that the event is about.
    pub provider_id: ProviderId,
    /// The account of the provider.
    pub user_id: UserId,
    /// Whether the licence of the provider counts as verified after the change.
    pub is_verified: bool,
    /// The names of the fields that changed, in alphabetical order. It is left out if the provider is new or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["schedule"])]
    pub changed: Option<Vec<String>>,
    /// The version of the provider after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about an account.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AccountEventData {
    /// The account that the event is about.
    pub user_id: UserId,
    /// The name of the role that the account has after the change, for example `NURSE`.
    #[schemars(example = &"NURSE")]
    pub role: String,
    /// The status of the account after the change.
    pub status: UserStatus,
    /// The name of the role before the change. It is left out unless the role changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"FRONT_DESK")]
    pub former_role: Option<String>,
    /// The status of the account before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<UserStatus>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the account is new or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["last_name"])]
    pub changed: Option<Vec<String>>,
    /// The version of the account after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about a role.
#[derive(Debug, JsonSchema, Serialize)]
pub struct RoleEventData {
    /// The name of the role, for example `NURSE`.
    #[schemars(example = &"NURSE")]
    pub role: String,
    /// The version of the role after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about a webhook.
#[derive(Debug, JsonSchema, Serialize)]
pub struct WebhookEventData {
    /// The webhook that the event is about.
    pub webhook_id: WebhookId,
    /// The status of the webhook after the change.
    pub status: WebhookStatus,
    /// The status of the webhook before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<WebhookStatus>,
    /// The reason why the webhook is disabled. It is left out if it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<DisabledReason>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the webhook is new or tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["url"])]
    pub changed: Option<Vec<String>>,
    /// The version of the webhook after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about an alert. It names neither the user nor the patient whom the alert is about.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AlertEventData {
    /// The alert that the event is about.
    pub alert_id: AlertId,
    /// The name of the rule that raised it, for example `unexplained-access`.
    #[schemars(example = &"unexplained-access")]
    pub rule: String,
    /// The status of the alert after the change.
    pub status: AlertStatus,
    /// The status of the alert before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<AlertStatus>,
    /// The weight of the alert, from 1 to 100.
    #[schemars(range(min = 1, max = 100), example = 40)]
    pub score: i32,
    /// The names of the fields that changed, in alphabetical order. It is left out if the alert is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["status"])]
    pub changed: Option<Vec<String>>,
    /// The version of the alert after the change. It also grows with each further occurrence, which has no event.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about an incident. It names neither a user nor a patient.
#[derive(Debug, JsonSchema, Serialize)]
pub struct IncidentEventData {
    /// The incident that the event is about.
    pub incident_id: IncidentId,
    /// The status of the incident after the change.
    pub status: IncidentStatus,
    /// The status of the incident before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<IncidentStatus>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the incident is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["status"])]
    pub changed: Option<Vec<String>>,
    /// The version of the incident after the change.
    #[schemars(range(min = 1))]
    pub version: i32,
}

/// The data of an event about a personal representative.
#[derive(Debug, JsonSchema, Serialize)]
pub struct RepresentativeEventData {
    /// The representation that the event is about.
    pub representative_id: RepresentativeId,
    /// The account with which the representative acts.
    pub user_id: UserId,
    /// The patient whom the representative acts for.
    pub patient_id: PatientId,
    /// The legal basis on which the representative acts.
    pub basis: RepresentativeBasis,
    /// The time at which the right to act ends. It is left out if it has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acts_until: Option<Timestamp>,
}

/// The data of an event about a request for a copy of a chart.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ExportEventData {
    /// The request that the event is about.
    pub export_id: ExportId,
    /// The patient with the chart that the request is about.
    pub patient_id: PatientId,
    /// The status of the request after the change.
    pub status: ExportStatus,
    /// The status of the request before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<ExportStatus>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the request is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["status"])]
    pub changed: Option<Vec<String>>,
}

/// The data of an event about an amendment.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AmendmentEventData {
    /// The amendment that the event is about.
    pub amendment_id: AmendmentId,
    /// The patient with the chart that the amendment is about.
    pub patient_id: PatientId,
    /// The status of the amendment after the change.
    pub status: AmendmentStatus,
    /// The status of the amendment before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<AmendmentStatus>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the amendment is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["status"])]
    pub changed: Option<Vec<String>>,
}

/// The data of an event about a request for an accounting of disclosures.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AccountingEventData {
    /// The request that the event is about.
    pub accounting_id: AccountingId,
    /// The patient with the chart that the request is about.
    pub patient_id: PatientId,
    /// The status of the request after the change.
    pub status: AccountingStatus,
    /// The status of the request before the change. It is left out unless the status changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_status: Option<AccountingStatus>,
    /// The names of the fields that changed, in alphabetical order. It is left out if the request is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["status"])]
    pub changed: Option<Vec<String>>,
}
