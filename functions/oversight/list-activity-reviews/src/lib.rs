//! `GET /v1/activity-reviews`: lists the activity reviews, the latest period first.

use api::prelude::*;
use domain::activity_review::ListedActivityReview;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/activity-reviews")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the activity reviews, the latest period first")
    .needs("activity-reviews:read")
    .recorded_as(Action::Search, ResourceType::ActivityReview);

/// The filter for a list of activity reviews.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether only signed reviews are listed, or only others. By default both are.
    pub signed: Option<bool>,
}

const LIST: &str = "
    select id, covered_from, covered_until, created_by, created_at, signed_by, signed_at
    from activity_reviews
    where reach('activity-reviews:read') = 'ALL'
      and ($1::boolean is null or (signed_at is not null) = $1)
      and ($2::date is null or (covered_until, id) < ($2, $3))
    order by covered_until desc, id desc limit $4";

/// Answers a page of the reviews, without their figures.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Date, ActivityReviewId)>,
) -> Reply<Json<Page<ListedActivityReview>>> {
    let (after_day, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search::default());
    let reviews: Vec<ListedActivityReview> = access
        .all(sql(
            LIST,
            &[&filter.signed, &after_day, &after_id, &page.fetch()],
        ))
        .await?;
    access
        .commit(Json(
            page.page(reviews, |review| (review.covered_until, review.id)),
        ))
        .await
}
