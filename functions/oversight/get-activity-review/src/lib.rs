//! `GET /v1/activity-reviews/{id}`: reads an activity review.

use api::prelude::*;
use domain::activity_review::ActivityReview;
use domain::select_activity_review;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/activity-reviews/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads an activity review")
    .needs("activity-reviews:read")
    .recorded_as(Action::Read, ResourceType::ActivityReview);

const GET: &str =
    select_activity_review!("where id = $1 and reach('activity-reviews:read') = 'ALL'");

/// Answers the review, with the document if it is signed.
pub async fn handle(call: Call, Path(id): Path<ActivityReviewId>) -> Reply<Json<ActivityReview>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}
