//! The right to work as somebody, without the request that gives it.

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
