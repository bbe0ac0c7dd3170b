//! Schedule, every day: lists the data whose retention has ended, and deletes what may be deleted.
//!
//! The database decides what may be deleted (`migrations/V0023__retention.sql`). Each transaction that deletes writes
//! the proof of it to its audit row.

mod deleted;
mod files_first;
mod listing;

use api::job::Job;
use api::prelude::*;
use domain::retention::RetainedType;
use files::Store;

use crate::deleted::Deleted;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every day")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the data whose retention has ended, and deletes what may be deleted")
    .needs("retention:apply")
    .recorded_as(Action::Process, ResourceType::Retention);

/// The number of resources that one transaction deletes. Its audit row names each of them.
const BATCH: i64 = 100;

// What refers to something comes before it, so that all of a chart can be deleted in one run.
const KINDS: [RetainedType; 6] = [
    RetainedType::File,
    RetainedType::MedicalRecord,
    RetainedType::Appointment,
    RetainedType::Patient,
    RetainedType::Provider,
    RetainedType::User,
];

const DELETE: &str = "
    select taken, ids, patients, rules, parts, digest
    from delete_retained($1::text::retained_type, null, $2)";

/// Lists and deletes one kind of data after the other. Errors: a step failed. The other kinds are done.
pub async fn handle(job: Job, Configured(store): Configured<Store>) -> Result<(), Error> {
    let mut result = Ok(());
    for kind in KINDS {
        result = apply(&job, store, kind).await.and(result);
    }
    result
}

async fn apply(job: &Job, store: &Store, kind: RetainedType) -> Result<(), Error> {
    listing::update(job, kind).await?;
    if kind == RetainedType::File {
        return files_first::delete(job, store).await;
    }
    while job
        .audited(Search::default(), |access| delete(access, kind))
        .await?
        > 0
    {}
    Ok(())
}

/// Deletes some resources. Returns how many were considered. Nothing is recorded if there were none.
async fn delete(mut access: Access<Search>, kind: RetainedType) -> Result<i64, Error> {
    access.add_note("kind", kind.label());
    let deleted: Deleted = access.one(sql(DELETE, &[&kind, &BATCH])).await?;
    let taken = deleted.taken;
    if taken > 0 {
        deleted.note(&mut access);
        access.commit(Json(deleted)).await?;
    }
    Ok(taken)
}
