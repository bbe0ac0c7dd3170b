//! What a transaction is about, as its audit row says it.

use domain::ids::{
    AnyId, AppointmentId, AuditLogId, FileId, PatientId, ProviderId, RecordId, UserId,
};
use uuid::Uuid;

/// What a transaction is about: the resource and, where known, the patient whose chart it is in.
pub trait Target {
    /// The resource's id; none for a search.
    fn resource(&self) -> Option<Uuid>;

    /// The patient, where the request names one.
    fn patient(&self) -> Option<PatientId> {
        None
    }

    /// The user, where the request names one whose chart it may be in.
    fn owner(&self) -> Option<UserId> {
        None
    }
}

macro_rules! targets {
    ($($id:ty),+) => {$(
        impl Target for $id {
            fn resource(&self) -> Option<Uuid> {
                Some((*self).into())
            }
        }
    )+};
}

targets!(
    UserId,
    PatientId,
    ProviderId,
    AppointmentId,
    RecordId,
    FileId,
    AuditLogId,
    AnyId
);

/// A resource in the chart of a patient whom the request names.
#[derive(Clone, Copy, Debug)]
pub struct InChart<T> {
    /// The resource.
    pub resource: T,
    /// Whose chart.
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
    /// Whose it is.
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

/// A list or search, of one patient's data where the filter names her.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search {
    /// The patient filtered by.
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
