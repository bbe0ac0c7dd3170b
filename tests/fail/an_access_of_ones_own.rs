//! Code that gets the right to act for a caller without their request.

use api::access::Access;
use api::job::Job;
use api::prelude::*;

pub fn again(access: &Access<PatientId>) -> Access<PatientId> {
    access.clone()
}

pub fn as_the_system(id: PatientId) -> Job {
    let _ = id;
    Job {}
}
