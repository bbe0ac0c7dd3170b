//! `POST /v1/activity-reviews`: begins an activity review.

use api::prelude::*;
use domain::activity_review::ActivityReview;
use domain::select_activity_review;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/activity-reviews")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Begins an activity review with the figures of a period")
    .needs("activity-reviews:write")
    .recorded_as(Action::Create, ResourceType::ActivityReview)
    .idempotent(READ);

/// A new activity review.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewActivityReview {
    /// The first day of the period (UTC).
    pub covered_from: Date,
    /// The last day of the period (UTC). It must be over, and at most 365 days after the first.
    pub covered_until: Date,
}

const BEGIN: &str = "
    insert into activity_reviews (id, covered_from, covered_until)
    select $1, $2, $3 where reach('activity-reviews:write') = 'ALL'";
const READ: &str =
    select_activity_review!("where id = $1 and reach('activity-reviews:write') = 'ALL'");

/// Counts what happened in the period and what is open. Errors: the period is not over, or it is too long.
pub async fn handle(
    call: Call,
    Body(new): Body<NewActivityReview>,
) -> Reply<Created<ActivityReview>> {
    let id = ActivityReviewId::generate();
    let mut access = call.authorize(id);
    access.add_note("covered_from", new.covered_from.to_string());
    access.add_note("covered_until", new.covered_until.to_string());
    let review: ActivityReview = access
        .write_then_read(
            sql(BEGIN, &[&id, &new.covered_from, &new.covered_until]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint(
            "activity_reviews_period",
            Error::invalid(
                "covered_until",
                "expected a day not before covered_from, at most 365 days later",
            ),
        )
        .on_constraint(
            "activity_reviews_over",
            Error::invalid("covered_until", "expected a day that is over (UTC)"),
        )?
        .row;
    access
        .commit(Created {
            location: format!("/v1/activity-reviews/{id}"),
            body: review,
        })
        .await
}
