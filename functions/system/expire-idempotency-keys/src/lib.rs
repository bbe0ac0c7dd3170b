//! Schedule, every hour: deletes the idempotency keys that are older than a day.

use api::job::Job;
use api::prelude::*;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every hour")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Deletes the idempotency keys that are older than a day")
    .needs("idempotency-keys:expire")
    .recorded_as(Action::Process, ResourceType::IdempotencyKey);

/// The number of keys that one transaction deletes.
const KEYS: i64 = 1000;

const EXPIRE: &str = "select expire_idempotency_keys($1) as expired";

row! {
    /// The result of one transaction.
    #[derive(Serialize)]
    pub struct Expired {
        /// The number of keys that it deleted.
        pub expired: i64,
    }
}

impl Content for Expired {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Deletes all keys that have ended. Errors: a transaction failed. Those before it are committed.
pub async fn handle(job: Job) -> Result<(), Error> {
    while job.audited(Search::default(), expire).await? == KEYS {}
    Ok(())
}

/// Deletes some keys. Returns how many. Nothing is recorded if there were none.
async fn expire(mut access: Access<Search>) -> Result<i64, Error> {
    let Expired { expired } = access.one(sql(EXPIRE, &[&KEYS])).await?;
    if expired > 0 {
        access.add_note("expired", expired);
        access.commit(Json(Expired { expired })).await?;
    }
    Ok(expired)
}
