//! `GET /v1/events`: lists business events in their order, for consumers who ask again and again.

use api::prelude::*;
use business_events::{BusinessEvent, Place, START, Source, StoredEvent, select_stored_event};

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/events")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists business events, oldest first")
    .needs("events:read")
    .recorded_as(Action::Search, ResourceType::Event);

// Events of transactions from `pg_snapshot_xmin` on may still get one before them. `rank` alone would be the column of the
// answer, which no index has in its order.
const LIST: &str = select_stored_event!(
    "where reach('events:read') = 'ALL' and (select require_kept_events($1::bigint::text::xid8, $2))
       and (rank, number) > ($1::bigint::text::xid8, $2) and rank < pg_snapshot_xmin(pg_current_snapshot())
     order by business_events.rank, number limit $3"
);

// Without a cursor, the list begins with the oldest event that is kept.
const OLDEST: &str = select_stored_event!(
    "where reach('events:read') = 'ALL' and rank < pg_snapshot_xmin(pg_current_snapshot())
     order by business_events.rank, number limit $1"
);

/// Answers what follows the cursor.
pub async fn handle(
    call: Call,
    page: PageRequest<Place>,
    Configured(source): Configured<Source>,
) -> Reply<Json<Feed<BusinessEvent>>> {
    let mut access = call.authorize(Search::default());
    let limit = page.fetch();
    let stored: Vec<StoredEvent> = match page.after() {
        Some((rank, number)) => access.all(sql(LIST, &[rank, number, &limit])).await?,
        None => access.all(sql(OLDEST, &[&limit])).await?,
    };
    let feed = page.feed(source.events(stored), &START, BusinessEvent::place);
    access.commit(Json(feed)).await
}
