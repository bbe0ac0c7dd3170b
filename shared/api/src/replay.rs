//! Answers a request whose work was done for an earlier one with the same `Idempotency-Key`. The body is read
//! again, so the caller sees what they may see now, as it is now.

use errors::Error;
use sql::sql;

use crate::access::Access;
use crate::call::Call;
use crate::idempotency::{Kept, Replayed};
use crate::reply::{Repeatable, Reply};
use crate::target::Search;

const KEPT: &str = "
    select status, resource_id from idempotency_keys where user_id = actor_user() and key = $1";

/// Errors: [`Error::NotFound`] if the caller can't see the resource any more.
pub(crate) async fn replay<A: Repeatable>(call: &Call) -> Reply<Replayed<A>> {
    let endpoint = &call.context.environment.endpoint;
    let claim = call.incoming.claim.as_ref();
    let (Some(claim), Some(read), Some(route)) =
        (claim, endpoint.read_again, endpoint.routes().next())
    else {
        return Err(Error::Internal("this request can't be replayed"));
    };
    let mut access = Access::new(call.context.clone(), Search::default(), None);
    access.add_note("replayed", true);
    let kept: Option<Kept> = access.optional(sql(KEPT, &[&claim.key])).await?;
    let Kept {
        status,
        resource_id,
    } = kept.ok_or(Error::Unavailable(
        "The Idempotency-Key has just ended. Send the request again.",
    ))?;
    access.set_resource(Some(resource_id));
    let body = access.one(sql(read, &[&resource_id])).await?;
    let location = format!("{}/{resource_id}", route.path);
    let answer = A::again(body, location);
    access.commit(Replayed { status, answer }).await
}
