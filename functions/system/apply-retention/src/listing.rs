//! Lists the resources whose retention has ended, so that somebody can object to their deletion.

use api::job::Job;
use api::prelude::*;
use domain::retention::RetainedType;
use sql::row;

/// The number of resources that one transaction lists.
const PAGE: i64 = 500;

const FORGET: &str = "select forget_listings($1::text::retained_type) as forgotten";
const LIST: &str = "
    select read, ended, listed, changed, after_time, after_id
    from list_ended($1::text::retained_type, $2, $3, $4)";

row! {
    /// The number of listings that were removed, because their resources aren't archived any more.
    #[derive(Serialize)]
    pub struct Forgotten {
        /// The number of listings.
        pub forgotten: i64,
    }
}

row! {
    /// The result of listing a page of archived resources.
    #[derive(Serialize)]
    pub struct Page {
        /// The number of resources that were read.
        pub read: i64,
        /// The number of these whose retention has ended.
        pub ended: i64,
        /// The number of these that are listed since now.
        pub listed: i64,
        /// The number of listings that changed.
        pub changed: i64,
        /// The time at which the last resource was archived.
        pub after_time: Option<Timestamp>,
        /// The id of the last resource.
        pub after_id: Option<AnyId>,
    }
}

impl Content for Forgotten {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

impl Content for Page {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Brings the listings of one kind of data up to date.
pub(crate) async fn update(job: &Job, kind: RetainedType) -> Result<(), Error> {
    job.audited(Search::default(), |access| forget(access, kind))
        .await?;
    let mut after = None;
    loop {
        let page = job
            .audited(Search::default(), |access| list(access, kind, after))
            .await?;
        if page.read < PAGE {
            return Ok(());
        }
        after = page.after_time.zip(page.after_id);
    }
}

/// Removes listings of resources that aren't archived any more. Nothing is recorded if there were none.
async fn forget(mut access: Access<Search>, kind: RetainedType) -> Result<(), Error> {
    access.add_note("kind", kind.label());
    let forgotten: Forgotten = access.one(sql(FORGET, &[&kind])).await?;
    if forgotten.forgotten > 0 {
        access.add_note("forgotten", forgotten.forgotten);
        access.commit(Json(forgotten)).await?;
    }
    Ok(())
}

/// Lists a page of resources. Nothing is recorded if no listing changed.
async fn list(
    mut access: Access<Search>,
    kind: RetainedType,
    after: Option<(Timestamp, AnyId)>,
) -> Result<Page, Error> {
    access.add_note("kind", kind.label());
    let (time, id) = after.unzip();
    let page: Page = access.one(sql(LIST, &[&kind, &time, &id, &PAGE])).await?;
    if page.changed == 0 {
        return Ok(page);
    }
    access.add_note("ended", page.ended);
    access.add_note("listed", page.listed);
    access.add_note("changed", page.changed);
    let Page {
        read,
        after_time,
        after_id,
        ..
    } = page;
    access.commit(Json(page)).await?;
    Ok(Page {
        read,
        after_time,
        after_id,
        ended: 0,
        listed: 0,
        changed: 0,
    })
}
