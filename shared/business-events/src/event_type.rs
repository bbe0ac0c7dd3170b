//! The types of business events: each with its meaning, the data that its events have, and an example.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use sql::text_enum;

use crate::data::{
    AccountEventData, AccountingEventData, AlertEventData, AmendmentEventData,
    AppointmentDueEventData, AppointmentEventData, CareEventData, DuplicatesFoundEventData,
    EmergencyAccessEventData, ExportEventData, FileEventData, IncidentEventData, PatientEventData,
    ProviderEventData, RecordEventData, RepresentativeEventData, RoleEventData, WebhookEventData,
};

/// Every type begins with this in CloudEvents' `type`, and not in the database.
const PREFIX: &str = "caretrail.";

/// Defines [`EventType`], in the order of PostgreSQL's `event_type`.
///
/// A group has the subject of its events, with the names of members of their data in braces, and the type of the data.
/// A line has the label of a type, and the members of its example besides those that all events of its data have. The
/// doc comment is the meaning of the type in `asyncapi.json`, `openapi.json` and `docs/events.md`.
macro_rules! event_types {
    ($($subject:literal $data:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $label:literal $example:tt,)+
    })+) => {
        text_enum! {
            /// What happened, and the version of the event's data: CloudEvents' `type` without `caretrail.`.
            pub enum EventType { $($($(#[doc = $doc])+ $variant = $label),+),+ }
        }

        impl EventType {
            /// All types, in the order of declaration.
            pub const ALL: &'static [Self] = &[$($(Self::$variant),+),+];

            /// When an event of this type is written, in sentences.
            pub fn meaning(self) -> &'static str {
                match self { $($(Self::$variant => concat!($($doc),+).trim_ascii(),)+)+ }
            }

            /// The subject of its events, with the names of members of the data in braces.
            pub fn subject(self) -> &'static str {
                match self { $($(Self::$variant)|+ => $subject,)+ }
            }

            /// The schema of its data, a reference to a definition that is named after the type of the data.
            pub fn data(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $($(Self::$variant)|+ => generator.subschema_for::<$data>(),)+ }
            }

            /// The members of an example's data, besides those that all events with this data have.
            pub fn example(self) -> Map<String, Value> {
                let members = match self { $($(Self::$variant => json!($example),)+)+ };
                match members {
                    Value::Object(members) => members,
                    _ => Map::new(),
                }
            }
        }
    };
}

event_types! {
    "appointments/{appointment_id}" AppointmentEventData {
        /// A visit is booked or imported.
        AppointmentBooked = "appointment.booked.v1" {},
        /// The time or the duration of a visit changes.
        AppointmentMoved = "appointment.moved.v1" {"changed": ["change_reason", "scheduled_at"], "version": 2},
        /// The patient of a visit has come.
        AppointmentCheckedIn = "appointment.checked-in.v1" {
            "status": "CHECKED_IN", "former_status": "SCHEDULED", "changed": ["status"], "version": 2
        },
        /// The provider confirms that a visit took place.
        AppointmentCompleted = "appointment.completed.v1" {
            "status": "COMPLETED", "former_status": "CHECKED_IN", "changed": ["status"], "version": 3
        },
        /// The patient did not come to a visit.
        AppointmentMissed = "appointment.missed.v1" {
            "status": "NO_SHOW", "former_status": "SCHEDULED", "changed": ["status"], "version": 2
        },
        /// A visit is cancelled.
        AppointmentCancelled = "appointment.cancelled.v1" {
            "status": "CANCELLED", "former_status": "SCHEDULED", "changed": ["change_reason", "status"], "version": 2
        },
        /// Anything else about a visit changes, such as its notes or its rating.
        AppointmentChanged = "appointment.changed.v1" {"changed": ["notes"], "version": 2},
        /// A visit is archived.
        AppointmentArchived = "appointment.archived.v1" {"changed": ["is_archived"], "version": 2},
        /// An archived visit is restored.
        AppointmentRestored = "appointment.restored.v1" {"changed": ["is_archived"], "version": 3},
        /// An archived visit is deleted after its retention.
        AppointmentDeleted = "appointment.deleted.v1" {"version": 2},
    }
    "appointments/{appointment_id}" AppointmentDueEventData {
        /// A visit begins after the time in `offset`. The clinic chooses these offsets, by default two days and two hours.
        AppointmentDue = "appointment.due.v1" {},
    }
    "medical-records/{record_id}" RecordEventData {
        /// A medical record is written or imported. It has `held_until` if it begins with a hold.
        RecordAdded = "record.added.v1" {},
        /// Anything else about a medical record changes.
        RecordChanged = "record.changed.v1" {"changed": ["content"], "version": 2},
        /// A medical record is withheld from the patient until `held_until`. A hold ends by itself at that time, without
        /// an event.
        RecordHeld = "record.held.v1" {"held_until": "2030-06-12T13:00:00.000000Z", "changed": [], "version": 2},
        /// The patient can see a medical record from now on that was withheld before.
        RecordReleased = "record.released.v1" {"changed": [], "version": 3},
        /// A medical record is archived.
        RecordArchived = "record.archived.v1" {"changed": ["is_archived"], "version": 2},
        /// An archived medical record is restored.
        RecordRestored = "record.restored.v1" {"changed": ["is_archived"], "version": 3},
        /// An archived medical record is deleted after its retention.
        RecordDeleted = "record.deleted.v1" {"version": 2},
    }
    "files/{file_id}" FileEventData {
        /// A client announces the upload of a file.
        FileAnnounced = "file.announced.v1" {},
        /// A file is uploaded and is being checked.
        FileUploaded = "file.uploaded.v1" {"status": "SCANNING", "changed": ["status"], "version": 2},
        /// A file passed all checks and can be downloaded.
        FileAvailable = "file.available.v1" {
            "status": "AVAILABLE", "scan": "CLEAN", "changed": ["scan", "status"], "version": 3
        },
        /// The uploaded bytes differ from the announced file, or the file is damaged.
        FileRejected = "file.rejected.v1" {"status": "REJECTED", "changed": ["status"], "version": 3},
        /// A file contains malware, could not be scanned, or is missing from the storage.
        FileQuarantined = "file.quarantined.v1" {
            "status": "QUARANTINED", "scan": "INFECTED", "changed": ["scan", "status"], "version": 3
        },
        /// A file was not completely uploaded in time.
        FileExpired = "file.expired.v1" {"status": "EXPIRED", "changed": ["status"], "version": 2},
        /// Anything else about a file changes, such as its name or its medical record.
        FileChanged = "file.changed.v1" {"status": "AVAILABLE", "changed": ["original_name"], "version": 4},
        /// A file is archived.
        FileArchived = "file.archived.v1" {"status": "AVAILABLE", "changed": ["is_archived"], "version": 4},
        /// An archived file is restored.
        FileRestored = "file.restored.v1" {"status": "AVAILABLE", "changed": ["is_archived"], "version": 5},
        /// An archived file is deleted after its retention.
        FileDeleted = "file.deleted.v1" {"status": "AVAILABLE", "version": 4},
    }
    "patients/{patient_id}" PatientEventData {
        /// A patient is registered or imported.
        PatientRegistered = "patient.registered.v1" {},
    }
    "patients/{patient_id}" DuplicatesFoundEventData {
        /// Patients who are registered already may be the same person as a new one: `likely_duplicates`.
        PatientDuplicatesFound = "patient.duplicates-found.v1" {},
    }
    "patients/{patient_id}" PatientEventData {
        /// Anything else about a patient changes.
        PatientChanged = "patient.changed.v1" {"changed": ["allergies"], "version": 2},
        /// A patient is archived.
        PatientArchived = "patient.archived.v1" {"changed": ["is_archived"], "version": 2},
        /// An archived patient is restored.
        PatientRestored = "patient.restored.v1" {"changed": ["is_archived"], "version": 3},
        /// An archived patient is deleted after the retention.
        PatientDeleted = "patient.deleted.v1" {"version": 2},
    }
    "patients/{patient_id}/care/{basis}/{source}/{member_id}" CareEventData {
        /// A member of the care team gets a patient into their care, also if former care had ended.
        CareGiven = "care.given.v1" {},
        /// The end of care changes: `until`.
        CareChanged = "care.changed.v1" {"basis": "REFERRAL", "until": "2030-06-12T13:00:00.000000Z"},
        /// Care is suspended, because the licence of the member is no longer verified or their account is not active.
        CareSuspended = "care.suspended.v1" {"is_suspended": true},
        /// Suspended care counts again.
        CareResumed = "care.resumed.v1" {},
        /// A member of the care team loses care of a patient before its end. Care also ends by itself at `until`,
        /// without an event.
        CareEnded = "care.ended.v1" {"until": "2030-05-13T13:00:00.000000Z"},
        /// Care is deleted together with what it was based on.
        CareDeleted = "care.deleted.v1" {"until": "2030-05-13T13:00:00.000000Z"},
    }
    "providers/{provider_id}" ProviderEventData {
        /// A provider is registered.
        ProviderRegistered = "provider.registered.v1" {},
        /// The licence of a provider is verified.
        ProviderVerified = "provider.verified.v1" {
            "is_verified": true, "changed": ["is_verified", "verified_at", "verified_by"], "version": 2
        },
        /// The licence of a provider no longer counts as verified.
        ProviderVerificationWithdrawn = "provider.verification-withdrawn.v1" {
            "changed": ["is_verified", "verified_at", "verified_by", "withdrawal_reason"], "version": 3
        },
        /// Anything else about a provider changes.
        ProviderChanged = "provider.changed.v1" {"is_verified": true, "changed": ["schedule"], "version": 3},
        /// A provider is archived.
        ProviderArchived = "provider.archived.v1" {"changed": ["is_archived"], "version": 3},
        /// An archived provider is restored.
        ProviderRestored = "provider.restored.v1" {"changed": ["is_archived"], "version": 4},
        /// An archived provider is deleted after the retention.
        ProviderDeleted = "provider.deleted.v1" {"version": 3},
    }
    "users/{user_id}" AccountEventData {
        /// An account is created.
        AccountCreated = "account.created.v1" {},
        /// An account gets another role.
        AccountRoleChanged = "account.role-changed.v1" {
            "former_role": "FRONT_DESK", "changed": ["role"], "version": 2
        },
        /// An account gets another status.
        AccountStatusChanged = "account.status-changed.v1" {
            "status": "SUSPENDED", "former_status": "ACTIVE", "changed": ["status"], "version": 2
        },
        /// Anything else about an account changes.
        AccountChanged = "account.changed.v1" {"changed": ["last_name"], "version": 2},
        /// An account is archived.
        AccountArchived = "account.archived.v1" {"changed": ["is_archived"], "version": 2},
        /// An archived account is restored.
        AccountRestored = "account.restored.v1" {"changed": ["is_archived"], "version": 3},
        /// An archived account is deleted after its retention.
        AccountDeleted = "account.deleted.v1" {"version": 2},
    }
    "roles/{role}" RoleEventData {
        /// A role is created.
        RoleCreated = "role.created.v1" {},
        /// The description of a role changes, or what it may do.
        RoleChanged = "role.changed.v1" {"version": 2},
    }
    "webhooks/{webhook_id}" WebhookEventData {
        /// A webhook is created.
        WebhookCreated = "webhook.created.v1" {},
        /// The URL, the description or the types of a webhook change.
        WebhookChanged = "webhook.changed.v1" {"changed": ["url"], "version": 2},
        /// A webhook that was disabled gets events again.
        WebhookEnabled = "webhook.enabled.v1" {
            "former_status": "DISABLED", "changed": ["disabled_reason", "status"], "version": 3
        },
        /// A webhook gets no more events, for the reason in `disabled_reason`.
        WebhookDisabled = "webhook.disabled.v1" {
            "status": "DISABLED", "former_status": "ACTIVE", "disabled_reason": "FAILED",
            "changed": ["disabled_reason", "status"], "version": 2
        },
        /// The secret of a webhook is replaced.
        WebhookSecretRotated = "webhook.secret-rotated.v1" {"changed": ["secret_generation"], "version": 2},
        /// A caller asks for a test of a webhook. Only the webhook that is tested gets this event.
        WebhookTest = "webhook.test.v1" {},
        /// A webhook is archived.
        WebhookArchived = "webhook.archived.v1" {"changed": ["is_archived"], "version": 2},
    }
    "alerts/{alert_id}" AlertEventData {
        /// A rule raises an alert about an access or a change.
        AlertRaised = "alert.raised.v1" {},
        /// An alert is acknowledged, assigned or resolved, or its score rises.
        AlertChanged = "alert.changed.v1" {
            "status": "ACKNOWLEDGED", "former_status": "OPEN", "changed": ["status"], "version": 2
        },
    }
    "emergency-access/{emergency_access_id}" EmergencyAccessEventData {
        /// A clinician grants themself emergency access to a patient. It ends by itself at `ends_at`, without an event.
        EmergencyAccessGranted = "emergency-access.granted.v1" {},
        /// Emergency access is revoked before its end.
        EmergencyAccessRevoked = "emergency-access.revoked.v1" {},
        /// A compliance officer reviews an emergency access: `review`.
        EmergencyAccessReviewed = "emergency-access.reviewed.v1" {"review": "APPROVED"},
    }
    "incidents/{incident_id}" IncidentEventData {
        /// A compliance officer opens an incident, or the review of an emergency access does.
        IncidentOpened = "incident.opened.v1" {},
        /// An incident is assessed, decided, delayed or closed, or anything else about it changes.
        IncidentChanged = "incident.changed.v1" {
            "status": "ASSESSED", "former_status": "OPEN", "changed": ["decision", "decision_reason", "status"], "version": 2
        },
    }
    "representatives/{representative_id}" RepresentativeEventData {
        /// The clinic enters a personal representative of a patient, who does not act before it is confirmed.
        RepresentativeEntered = "representative.entered.v1" {},
        /// Another member of the staff confirms a personal representative. The right to act ends by itself at `acts_until`, without an event.
        RepresentativeConfirmed = "representative.confirmed.v1" {},
        /// A personal representative loses the right to act for the patient before its end.
        RepresentativeEnded = "representative.ended.v1" {},
    }
    "exports/{export_id}" ExportEventData {
        /// A patient, or somebody for them, requests a copy of their chart.
        ExportRequested = "export.requested.v1" {},
        /// A copy of a chart is being made, is ready or is denied, or anything else about the request changes.
        ExportChanged = "export.changed.v1" {
            "status": "READY", "former_status": "BUILDING",
            "changed": ["available_until", "contents", "package_sha256", "package_size", "ready_at", "status"]
        },
    }
    "amendments/{amendment_id}" AmendmentEventData {
        /// A patient, or somebody for them, requests an amendment, or the clinic records one that another entity told.
        AmendmentRequested = "amendment.requested.v1" {},
        /// An amendment is accepted or denied, or anything else about it changes, such as a statement of disagreement.
        AmendmentChanged = "amendment.changed.v1" {
            "status": "ACCEPTED", "former_status": "REQUESTED", "changed": ["addendum", "status"]
        },
    }
    "accountings/{accounting_id}" AccountingEventData {
        /// A patient, or somebody for them, requests an accounting of disclosures.
        AccountingRequested = "accounting.requested.v1" {},
        /// An accounting of disclosures is provided or withdrawn, or anything else about the request changes.
        AccountingChanged = "accounting.changed.v1" {
            "status": "PROVIDED", "former_status": "OPEN", "changed": ["provided_at", "status"]
        },
    }
}

impl EventType {
    /// CloudEvents' `type`, for example `caretrail.appointment.booked.v1`.
    pub fn name(self) -> String {
        named(self.label())
    }
}

/// CloudEvents' `type` of a label.
pub(crate) fn named(label: &str) -> String {
    format!("{PREFIX}{label}")
}
