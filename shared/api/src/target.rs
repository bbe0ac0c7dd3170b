//! The target of a transaction, as its audit row names it.

use domain::ids::{
    AccountingId, ActivityReviewId, AlertId, AmendmentId, AnyId, AppointmentId, AuditLogId,
    DisclosureId, EmergencyAccessId, ExportId, FileId, IncidentId, LegalHoldId, PatientId,
    ProviderId, RecordId, RepresentativeId, UserId, WebhookId,
};
use uuid::Uuid;

use crate::caller::Actor;

/// The target of a transaction: the resource and, if known, the patient whose chart contains it.
pub trait Target {
    /// The id of the resource. None for a search.
    fn resource(&self) -> Option<Uuid>;

    /// The patient, if the request names one.
    fn patient(&self) -> Option<PatientId> {
        None
    }

    /// The owner, if the request names one. The owner may be a patient.
    fn owner(&self) -> Option<UserId> {
        None
    }

    /// Whether the resource is the caller's own account, whose id the database finds.
    fn is_oneself(&self) -> bool {
        false
    }

    /// The patients whose data a read of this target by the actor answers. None if only the row says it.
    #[doc(hidden)]
    fn patients_of_read(&self, _actor: &Actor) -> Option<Vec<PatientId>> {
        None
    }
}

/// The caller's own account.
#[derive(Clone, Copy, Debug)]
pub struct Oneself;

impl Target for Oneself {
    fn resource(&self) -> Option<Uuid> {
        None
    }

    fn is_oneself(&self) -> bool {
        true
    }

    fn patients_of_read(&self, actor: &Actor) -> Option<Vec<PatientId>> {
        Some(actor.patient_id.into_iter().collect())
    }
}

macro_rules! targets {
    ($($id:ty $(=> $patients_of_read:expr)?;)+) => {$(
        impl Target for $id {
            fn resource(&self) -> Option<Uuid> {
                Some((*self).into())
            }

            $(fn patients_of_read(&self, actor: &Actor) -> Option<Vec<PatientId>> {
                $patients_of_read(*self, actor)
            })?
        }
    )+};
}

targets! {
    UserId => |id, actor: &Actor| {
        (actor.user_id == Some(id)).then(|| actor.patient_id.into_iter().collect())
    };
    PatientId => |id, _: &Actor| Some(vec![id]);
    ProviderId => |_, _: &Actor| Some(Vec::new());
    AppointmentId;
    RecordId;
    FileId;
    LegalHoldId;
    EmergencyAccessId;
    WebhookId;
    AlertId;
    IncidentId;
    ActivityReviewId;
    ExportId;
    AmendmentId;
    RepresentativeId;
    DisclosureId;
    AccountingId;
    AuditLogId;
    AnyId;
}

/// A resource in the chart of a patient whom the request names.
#[derive(Clone, Copy, Debug)]
pub struct InChart<T> {
    /// The resource.
    pub resource: T,
    /// The patient.
    pub patient: PatientId,
}

impl<T: Target> Target for InChart<T> {
    fn resource(&self) -> Option<Uuid> {
        self.resource.resource()
    }

    fn patient(&self) -> Option<PatientId> {
        Some(self.patient)
    }
}

/// A resource that belongs to a user whom the request names.
#[derive(Clone, Copy, Debug)]
pub struct OwnedBy<T> {
    /// The resource.
    pub resource: T,
    /// The owner.
    pub owner: UserId,
}

impl<T: Target> Target for OwnedBy<T> {
    fn resource(&self) -> Option<Uuid> {
        self.resource.resource()
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner)
    }
}

/// A list or a search. If it is filtered by a patient, it concerns only their data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search {
    /// The patient to filter by.
    pub patient: Option<PatientId>,
}

impl Target for Search {
    fn resource(&self) -> Option<Uuid> {
        None
    }

    fn patient(&self) -> Option<PatientId> {
        self.patient
    }
}
