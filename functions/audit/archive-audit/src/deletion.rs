//! Deletes archived months after their retention: first the index, with the proof in the audit row, and then the objects.

use api::job::Job;
use api::prelude::*;
use audit_archive::month_prefix;
use domain::time::Date;
use sql::row;

use crate::ENOUGH;
use crate::archive::Archive;
use crate::month::Step;
use crate::part::note;

const LIST: &str = "select changed, due from list_ended_audit_archives()";
const DELETE: &str = "
    select rows, parts, root, digest, rules, ends_on from delete_audit_archive($1)";
const DELETED: &str = "select months from deleted_audit_archives()";
const END: &str = "select end_audit_archive_deletion($1) as is_done";

row! {
    /// The months that may be deleted now.
    #[derive(Serialize)]
    pub struct Listed {
        /// How many listings changed.
        pub changed: i64,
        /// The months, from the oldest on.
        pub due: Vec<Date>,
    }
}

row! {
    /// The deleted months whose objects are still there.
    pub struct Left {
        /// The months, from the oldest on.
        pub months: Vec<Date>,
    }
}

row! {
    /// What the audit row says of a deleted month.
    #[derive(Serialize)]
    pub struct Deleted {
        pub rows: i64,
        pub parts: i32,
        pub root: Vec<u8>,
        pub digest: Vec<u8>,
        pub rules: Vec<String>,
        pub ends_on: Date,
    }
}

impl Content for Listed {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

impl Content for Deleted {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Lists the months whose retention has ended, and deletes what may be deleted. Errors: a step failed.
pub async fn delete_ended(job: &Job, archive: &Archive) -> Result<(), Error> {
    if !job.has_time(ENOUGH) {
        return Ok(());
    }
    for month in job.audited(Search::default(), list).await? {
        job.audited(Search::default(), |access| delete(access, month))
            .await?;
    }
    let left: Left = job
        .audited(Search::default(), |mut access| async move {
            access.one(sql(DELETED, &[])).await
        })
        .await?;
    for month in left.months {
        // Repeating it is safe. The lock of each object has ended, or S3 refuses.
        let deleted = archive.store.delete_versions(&month_prefix(month)).await;
        let objects = deleted.map_err(|failure| {
            tracing::error!(%month, error = %failure, "objects of a deleted month of the audit log could not be deleted");
            Error::Unavailable("S3 didn't delete an object of the archive")
        })?;
        job.audited(Search::default(), |access| end(access, month, objects))
            .await?;
    }
    Ok(())
}

/// Nothing is recorded if no listing changed.
async fn list(mut access: Access<Search>) -> Result<Vec<Date>, Error> {
    let listed: Listed = access.one(sql(LIST, &[])).await?;
    let due = listed.due.clone();
    if listed.changed > 0 {
        access.add_note("listings_changed", listed.changed);
        access.commit(Json(listed)).await?;
    }
    Ok(due)
}

/// Nothing is recorded if requests kept the index locked. The next run tries again.
async fn delete(mut access: Access<Search>, month: Date) -> Result<(), Error> {
    note(&mut access, month, None);
    let Some(deleted): Option<Deleted> = access.optional(sql(DELETE, &[&month])).await? else {
        return Ok(());
    };
    access.mark_deletion();
    access.add_note("rows", deleted.rows);
    access.add_note("parts", deleted.parts);
    access.add_note("root", audit_archive::hex(&deleted.root));
    access.add_note("sha256", audit_archive::hex(&deleted.digest));
    access.add_note("rules", deleted.rules.clone());
    access.add_note("ended_on", deleted.ends_on.to_string());
    access.commit(Json(deleted)).await?;
    Ok(())
}

async fn end(mut access: Access<Search>, month: Date, objects: usize) -> Result<(), Error> {
    note(&mut access, month, None);
    access.add_note("object_versions", objects);
    let done: Step = access.one(sql(END, &[&month])).await?;
    if done.is_done == Some(true) {
        access.mark_deletion();
        access.commit(Json(done)).await?;
    }
    Ok(())
}
