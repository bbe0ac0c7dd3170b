//! Schedule, every hour: deletes the idempotency keys that are older than a day, and the counters of refusals that
//! ended an hour ago.

use api::job::Job;
use api::prelude::*;
use serde_json::{Map, Value};
use sql::{Jsonb, row};

pub const ENDPOINT: Endpoint = Endpoint::schedule("every hour")
    .named(env!("CARGO_PKG_NAME"))
    .summary(
        "Deletes the idempotency keys that are older than a day, and ended counters of refusals",
    )
    .needs("idempotency-keys:expire")
    .recorded_as(Action::Process, ResourceType::IdempotencyKey);

/// The number of keys that one transaction deletes.
const KEYS: i64 = 1000;

/// The number of counters that one transaction deletes. Its audit row can name the subject of each.
const COUNTERS: i64 = 200;

const EXPIRE: &str = "select expire_idempotency_keys($1) as expired";
const EXPIRE_REFUSALS: &str = "select expired, left_out from expire_refusals($1)";

row! {
    /// The result of one transaction.
    #[derive(Serialize)]
    pub struct Expired {
        /// The number of keys that it deleted.
        pub expired: i64,
    }
}

row! {
    /// The result of one transaction that deletes counters.
    pub struct ExpiredRefusals {
        /// The number of counters that it deleted.
        pub expired: i64,
        /// The numbers of refusals without an audit row, by subject.
        pub left_out: Jsonb<Map<String, Value>>,
    }
}

impl Content for Expired {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Deletes all keys and counters that have ended. Errors: a transaction failed. Those before it are committed.
pub async fn handle(job: Job) -> Result<(), Error> {
    while job.audited(Search::default(), expire).await? == KEYS {}
    while job.audited(Search::default(), expire_refusals).await? >= COUNTERS {}
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

/// Deletes some counters. Returns how many. The audit row counts the refusals that no other row counted. Nothing is
/// recorded if there were none.
async fn expire_refusals(mut access: Access<Search>) -> Result<i64, Error> {
    let ExpiredRefusals { expired, left_out } =
        access.one(sql(EXPIRE_REFUSALS, &[&COUNTERS])).await?;
    if expired > 0 {
        access.add_note("expired_counters", expired);
        if !left_out.0.is_empty() {
            access.add_note("left_out_of_subjects", left_out.0);
        }
        access.commit(Json(Expired { expired })).await?;
    }
    Ok(expired)
}
