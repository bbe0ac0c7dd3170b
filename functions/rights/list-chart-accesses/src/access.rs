//! An access to a patient's data, as the patient reads it.

use api::prelude::*;
use audit::{PurposeOfUse, Relation};
use domain::alert::AccessExplanation;
use sql::FromRow;
use sql::postgres::{Error as PostgresError, Row};
use sql::row;
use uuid::Uuid;

use crate::summary::summary;

row! {
    /// An access as `list_chart_accesses` in `migrations/V0038__own_accesses.sql` finds it.
    #[derive(Debug)]
    pub struct FoundAccess {
        /// The id of the audit row.
        pub id: AuditLogId,
        /// The time of the access.
        pub accessed_at: Timestamp,
        /// The person who acted, if they may be named.
        pub user_id: Option<UserId>,
        /// Their name.
        pub user_name: Option<String>,
        /// The role in which they acted.
        pub actor_role: String,
        /// The purpose.
        pub purpose_of_use: Option<PurposeOfUse>,
        /// The kind of action.
        pub action_type: Action,
        /// The kind of resource.
        pub resource_type: String,
        /// The resource.
        pub resource_id: Option<Uuid>,
        /// The function. Null for archived months.
        pub application: Option<String>,
        /// What explains the accesses of that day.
        pub explanation: Option<AccessExplanation>,
        /// Whether the reader of the list is the patient.
        pub is_readers: bool,
    }
}

/// A row of the statement.
pub enum Found {
    /// An access.
    Access(Box<FoundAccess>),
    /// How far a page came that is not full.
    Reached(AuditLogId),
}

impl FromRow for Found {
    fn from_row(row: &Row) -> Result<Self, PostgresError> {
        let reached: Option<AuditLogId> = row.try_get("reached")?;
        Ok(match reached {
            Some(key) => Self::Reached(key),
            None => Self::Access(Box::new(FoundAccess::from_row(row)?)),
        })
    }
}

/// An access to the data of a patient.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ChartAccess {
    /// The id of the access, a UUID. It is the id of the row in the audit log.
    pub id: AuditLogId,
    /// The time of the access (RFC 3339, UTC, to the microsecond).
    pub accessed_at: Timestamp,
    /// The access in one or two plain sentences. They say who did what for which purpose, and what explains it.
    pub summary: String,
    /// The user who accessed the data. Null if the clinic's own software did it, or if the clinic shows only the roles of
    /// its staff.
    pub user_id: Option<UserId>,
    /// The name of the user. Null if `user_id` is null.
    pub user_name: Option<String>,
    /// The role in which the user acted, for example `PROVIDER`. It is `SYSTEM` for the clinic's own software. In
    /// months that were moved to the archive, it is the role that the user has now.
    pub role: String,
    /// The relation to the patient in which the user acted. Null for the clinic's own software.
    pub relation: Option<Relation>,
    /// The purpose of the access, a code of HL7's value set `PurposeOfUse`, for example `TREAT`. Null for the clinic's own
    /// software.
    pub purpose_of_use: Option<PurposeOfUse>,
    /// Whether the user reached the patient only with emergency access.
    pub is_emergency: bool,
    /// The kind of action, for example `READ`.
    pub action_type: Action,
    /// The kind of resource that was accessed, for example `MEDICAL_RECORD`.
    pub resource_type: String,
    /// The id of the resource that was accessed. Null if there was no single one, for example in a search.
    pub resource_id: Option<Uuid>,
    /// The name of the function that the user called, for example `get-record`. Null in months that were moved to the
    /// archive.
    pub application: Option<String>,
    /// The strongest reason that explains what the user accessed on that day (UTC). It is found a minute later and kept
    /// for 400 days. Null if it is not known.
    pub explanation: Option<AccessExplanation>,
    #[serde(skip)]
    patient: PatientId,
}

impl ChartAccess {
    /// The access to the data of this patient.
    pub fn of(found: FoundAccess, patient: PatientId) -> Self {
        let relation = found.purpose_of_use.and_then(relation);
        Self {
            summary: summary(&found, relation),
            id: found.id,
            accessed_at: found.accessed_at,
            user_id: found.user_id,
            user_name: found.user_name,
            role: found.actor_role,
            relation,
            purpose_of_use: found.purpose_of_use,
            is_emergency: relation == Some(Relation::Emergency),
            action_type: found.action_type,
            resource_type: found.resource_type,
            resource_id: found.resource_id,
            application: found.application,
            explanation: found.explanation,
            patient,
        }
    }
}

impl Content for ChartAccess {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient]
    }
}

/// The relation that implies this purpose. Archived months have the purpose alone.
fn relation(purpose: PurposeOfUse) -> Option<Relation> {
    use Relation::{Care, Emergency, Office, Oneself, Representation};
    [Oneself, Care, Representation, Emergency, Office]
        .into_iter()
        .find(|relation| relation.purpose() == purpose)
}
