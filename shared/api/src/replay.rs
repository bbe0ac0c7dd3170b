//! Answers with a kept answer. The audit row names the patients whose data the answer contains.

use errors::Error;
use sql::sql;

use crate::access::Access;
use crate::call::Call;
use crate::idempotency::Kept;
use crate::reply::Reply;
use crate::target::Search;

const REPLAY: &str = "
    select status, headers, body, resource_id, patient_ids
    from idempotency_keys where user_id = actor_user() and key = $1";

pub(crate) async fn replay(call: &Call) -> Reply<Kept> {
    let claim = call.incoming.claim.as_ref();
    let claim = claim.ok_or(Error::Internal(
        "a request without Idempotency-Key can't be replayed",
    ))?;
    let mut access = Access::new(call.context.clone(), Search::default(), None);
    let kept: Kept = access.one(sql(REPLAY, &[&claim.key])).await?;
    access.add_note("replayed", true);
    access.set_resource(kept.resource_id);
    access.commit(kept).await
}
