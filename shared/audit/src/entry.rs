//! One row of the audit log and its canonical form.

use std::net::IpAddr;

use serde_json::{Map, Value};
use uuid::Uuid;

use domain::ids::{AuditLogId, PatientId, UserId};
use domain::time::Timestamp;
use sql::text_enum;

use crate::canonical::{Canonical, FORM, NotCanonical};
use crate::chain::Position;
use crate::details;

text_enum! {
    /// The kind of action that an audit row records.
    pub enum Action: "SCREAMING_SNAKE_CASE" {
        /// A resource was created.
        Create,
        /// A resource was read by its id.
        Read,
        /// A resource was changed.
        Update,
        /// A resource was archived.
        Delete,
        /// A list or a search was answered.
        Search,
        /// A link was issued with which data can be fetched outside of the API.
        Disclose,
        /// A function processed a resource without a caller.
        Process,
    }
}

text_enum! {
    /// The relation to the resource in which the actor acted.
    pub enum Relation: "SCREAMING_SNAKE_CASE" {
        /// The actor's own data.
        #[serde(rename = "SELF")]
        #[strum(serialize = "SELF")]
        Oneself,
        /// The data of a patient in the actor's care.
        Care,
        /// The data of a patient whom the actor represents.
        Representation,
        /// The data of a patient whom the actor reaches only with emergency access.
        Emergency,
        /// The data that the actor's office in the organisation covers.
        Office,
    }
}

text_enum! {
    /// The purpose of an action: codes of HL7's value set `PurposeOfUse`.
    pub enum PurposeOfUse: "UPPERCASE" {
        /// The treatment of the patient.
        Treat,
        /// The treatment of the patient in an emergency.
        Etreat,
        /// The payment for the patient's care.
        Hpaymt,
        /// The operations of the healthcare organisation.
        Hoperat,
        /// The administration of the system.
        Hsysadmin,
        /// The proof of compliance with laws and rules.
        Hcompl,
        /// Research with the patient's data.
        Hresch,
        /// The patient's own request.
        Patrqt,
        /// A request of the patient's family or representative.
        Famrqt,
        /// The treatment of a patient in an emergency beyond the usual rights of the user ("break the glass").
        Btg,
    }
}

impl Relation {
    /// The purpose that the relation implies.
    pub fn purpose(self) -> PurposeOfUse {
        match self {
            Self::Oneself => PurposeOfUse::Patrqt,
            Self::Care => PurposeOfUse::Treat,
            Self::Representation => PurposeOfUse::Famrqt,
            Self::Emergency => PurposeOfUse::Btg,
            Self::Office => PurposeOfUse::Hoperat,
        }
    }
}

text_enum! {
    /// The result of an action in the audit log.
    pub enum Outcome: "SCREAMING_SNAKE_CASE" {
        /// The action was carried out.
        Success,
        /// The caller was not allowed to act.
        Denied,
        /// The action failed for another reason.
        Failure,
    }
}

text_enum! {
    /// The kind of resource that an audit row concerns.
    pub enum ResourceType: "SCREAMING_SNAKE_CASE" {
        /// A user account in `user_profiles`.
        User,
        /// A role in the table `roles`.
        Role,
        /// A patient in the table `patients`.
        Patient,
        /// A provider in the table `providers`.
        Provider,
        /// An appointment in the table `appointments`.
        Appointment,
        /// A medical record in the table `medical_records`.
        MedicalRecord,
        /// A file with its metadata in `file_metadata`.
        File,
        /// The audit log itself, in the table `audit_logs`.
        AuditLog,
        /// A JSON Schema in the table `custom_data_schemas`.
        CustomDataSchema,
        /// The keys in the table `idempotency_keys`.
        IdempotencyKey,
        /// A legal hold in the table `legal_holds`.
        LegalHold,
        /// Rules, reports and deletions after the end of a retention.
        Retention,
        /// A business event in the table `business_events`.
        Event,
        /// A webhook in the table `webhooks`.
        Webhook,
        /// An alert in the table `alerts`.
        Alert,
        /// A rule for alerts in the table `alert_rules`.
        AlertRule,
        /// An emergency access in the table `emergency_accesses`.
        EmergencyAccess,
        /// An incident in the table `incidents`.
        Incident,
        /// An activity review in the table `activity_reviews`.
        ActivityReview,
        /// A request for access to one's data in the table `exports`.
        Export,
        /// An amendment in the table `amendments`.
        Amendment,
        /// A representation of a patient in the table `representatives`.
        Representative,
        /// A disclosure in the table `disclosures`, or an accounting in `accountings`.
        Disclosure,
    }
}

/// The content of an audit row, without its place in a hash chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The row's id.
    pub id: AuditLogId,
    /// The time of the action, to the microsecond.
    pub timestamp: Timestamp,
    /// The user who acted. None if a function acted without a caller, or if the token's subject has no
    /// profile.
    pub user_id: Option<UserId>,
    /// The role in which the user acted.
    pub actor_role: Option<String>,
    /// The relation to the resource in which the user acted. None if a function acted without a caller, if the
    /// user was refused, or if they asked in vain for a patient whom they don't represent.
    pub relation: Option<Relation>,
    /// The purpose of the action. None if there is no relation.
    pub purpose_of_use: Option<PurposeOfUse>,
    /// The kind of action.
    pub action_type: Action,
    /// The kind of resource.
    pub resource_type: ResourceType,
    /// The resource. None for a search.
    pub resource_id: Option<Uuid>,
    /// The patients whose data the action concerned.
    pub patients: Vec<PatientId>,
    /// The result of the action.
    pub outcome: Outcome,
    /// The address that the request came from.
    pub source_ip: Option<IpAddr>,
    /// The `User-Agent` header of the request.
    pub user_agent: Option<String>,
    /// The name of the function.
    pub application: String,
    /// The request's id, as in the answer's `x-request-id` and in the logs.
    pub request_id: String,
    /// The id of the trace that the request belongs to.
    pub trace_id: Option<String>,
    /// Ids, field names and counts. No patient data, no fractions and no integer beyond ±2⁵³.
    pub details: Map<String, Value>,
}

impl Entry {
    /// The detail with the number of the actor's refusals that have no row of their own and that no row before
    /// counted.
    pub const LEFT_OUT: &str = "refusals_left_out";

    /// The value of the column `patient_id`: none unless the action concerned exactly one patient.
    pub fn patient_id(&self) -> Option<PatientId> {
        match self.patients[..] {
            [patient] => Some(patient),
            _ => None,
        }
    }

    /// The value of the column `patient_ids`: none unless the action concerned several patients.
    pub fn patient_ids(&self) -> Option<&[PatientId]> {
        (self.patients.len() > 1).then_some(&self.patients)
    }

    /// The hash of the row at this position of a chain, as `shared/audit/src/canonical.rs` describes it. Errors: the
    /// details have no canonical form.
    pub fn hash(&self, position: &Position) -> Result<[u8; 32], NotCanonical> {
        let details = details::canonical(&self.details)?;
        let patient_ids: Option<Vec<Uuid>> = self
            .patient_ids()
            .map(|ids| ids.iter().map(|id| (*id).into()).collect());
        Ok(Canonical {
            form: FORM,
            chain_id: position.chain_id,
            seq: position.seq,
            prev_hash: &position.prev_hash,
            place: &position.place,
            id: self.id.into(),
            month: self.timestamp.first_of_month(),
            timestamp: self.timestamp,
            user_id: self.user_id.map(Into::into),
            actor_role: self.actor_role.as_deref(),
            relation: self.relation.map(Relation::label),
            purpose_of_use: self.purpose_of_use.map(PurposeOfUse::label),
            action_type: self.action_type.label(),
            resource_type: self.resource_type.label(),
            resource_id: self.resource_id,
            patient_id: self.patient_id().map(Into::into),
            patient_ids: patient_ids.as_deref(),
            outcome: self.outcome.label(),
            source_ip: self.source_ip.map(Into::into),
            user_agent: self.user_agent.as_deref(),
            application: &self.application,
            request_id: &self.request_id,
            trace_id: self.trace_id.as_deref(),
            details: details.as_deref(),
        }
        .hash())
    }
}
