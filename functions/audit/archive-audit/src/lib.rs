//! Schedule, every day: moves old months of the audit log to S3, and deletes archived months after their retention.
//!
//! A month leaves the database only after its objects were read back from S3 and compared with its rows. The database
//! decides what may be archived and deleted (`migrations/V0025__audit_archive.sql`). Every step can be repeated, and
//! several runs may archive the same month at once.

mod archive;
mod check;
mod deletion;
mod month;
mod part;

use std::time::Duration;

use api::job::Job;
use api::prelude::*;

pub use crate::archive::Archive;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every day")
    .named(env!("CARGO_PKG_NAME"))
    .summary(
        "Moves old months of the audit log to S3, and deletes them there after their retention",
    )
    .needs("audit:archive")
    .recorded_as(Action::Process, ResourceType::AuditLog);

/// A step is begun only if this time is left. The next run goes on where this one ends.
const ENOUGH: Duration = Duration::from_secs(30);

/// Archives one month after the other, the oldest first, and then deletes what may be deleted. Errors: a step failed.
pub async fn handle(job: Job, Configured(archive): Configured<Archive>) -> Result<(), Error> {
    let archived = month::archive_all(&job, archive).await;
    let deleted = deletion::delete_ended(&job, archive).await;
    archived.and(deleted)
}
