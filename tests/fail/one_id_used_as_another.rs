//! A provider's id used as a patient's id.

use api::prelude::*;

pub fn handle(call: Call, provider: ProviderId, record: RecordId) {
    let _ = call.authorize(InChart {
        resource: record,
        patient: provider,
    });
}

pub fn compare(patient: PatientId, user: UserId) -> bool {
    patient == user
}
