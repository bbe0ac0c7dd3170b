//! Deletes files: first the object with all its versions, then the row.
//!
//! The deletion is announced in the audit log before an object is deleted. If the function ends in between, the row is
//! still there and a later run finishes it. Deleting an object that is gone is safe.

use api::job::Job;
use api::prelude::*;
use domain::retention::RetainedType;
use files::{Location, Store};
use sql::row;

use crate::deleted::Deleted;

/// The number of files that one transaction announces.
const FILES: i64 = 20;

const BEGIN: &str = "select ids from begin_file_deletion($1)";
const ANNOUNCED: &str = "select bucket, file_path from announced_file($1) where bucket is not null";
const DELETE: &str = "
    select taken, ids, patients, rules, parts, digest from delete_retained('FILE', array[$1], 1)";

row! {
    /// The files that will be deleted now.
    #[derive(Serialize)]
    pub struct Begun {
        /// The ids of the files.
        pub ids: Vec<FileId>,
    }
}

impl Content for Begun {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Deletes all files that may be deleted. Errors: a file could not be deleted. The others are.
pub(crate) async fn delete(job: &Job, store: &Store) -> Result<(), Error> {
    let mut result = Ok(());
    loop {
        let files = job.audited(Search::default(), begin).await?;
        if files.is_empty() {
            return result;
        }
        for file in files {
            let work = |access| delete_one(access, store);
            result = job.audited(file, work).await.and(result);
        }
    }
}

/// Announces the deletion of some files. Nothing is recorded if there are none.
async fn begin(mut access: Access<Search>) -> Result<Vec<FileId>, Error> {
    access.add_note("kind", RetainedType::File.label());
    let begun: Begun = access.one(sql(BEGIN, &[&FILES])).await?;
    let files = begun.ids.clone();
    if !files.is_empty() {
        let ids: Vec<_> = files.iter().map(FileId::to_string).collect();
        access.add_note("begun", ids);
        access.commit(Json(begun)).await?;
    }
    Ok(files)
}

/// Deletes one file, unless it may not be deleted any more.
async fn delete_one(mut access: Access<FileId>, store: &Store) -> Result<(), Error> {
    let id = *access.granted();
    access.add_note("kind", RetainedType::File.label());
    let Some(location): Option<Location> = access.optional(sql(ANNOUNCED, &[&id])).await? else {
        return Ok(());
    };
    // A hold waits until this transaction ends, so none begins between the object and the row.
    let versions = store.delete(&access, &location).await?;
    access.add_note("object_versions", versions);
    let deleted: Deleted = access.one(sql(DELETE, &[&id])).await?;
    if deleted.ids.is_empty() {
        return Err(Error::Internal("a file that may be deleted was kept"));
    }
    deleted.note(&mut access);
    access.commit(Json(deleted)).await?;
    Ok(())
}
