//! `POST /v1/activity-reviews/{id}/sign`: signs an activity review.

mod document;

use api::prelude::*;
use askama::Template as _;
use domain::activity_review::{ActivityReview, Verification};
use domain::select_activity_review;
use domain::text::Text;
use sql::Jsonb;

use document::{Document, Source};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/activity-reviews/{id}/sign")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Signs an activity review, which needs a second factor in every deployment")
    .needs("activity-reviews:write")
    .needs_second_factor()
    .recorded_as(Action::Update, ResourceType::ActivityReview)
    .conflicts(&[&[SIGNED]])
    .idempotent(READ);

const SIGNED: &str = "The review is signed and never changes again. Begin another one.";

/// The signature of an activity review.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The conclusion of the officer. It must not contain patient data.
    pub conclusion: Text<4000>,
    /// The verdicts of the verifier of the audit log. Null if the officer did not run it.
    pub verification: Option<Verification>,
}

const SOURCE: &str = "
    select r.id, r.covered_from, r.covered_until, r.figures, r.created_at, r.signed_at is not null as is_signed,
      now() as signed_at, s.clinic, s.name, s.role
    from activity_reviews r cross join signing_party() as s
    where r.id = $1 and reach('activity-reviews:write') = 'ALL'
    for update of r";
const SIGN: &str = "
    update activity_reviews set conclusion = $1, verification = $2, document = $3
    where id = $4";
const READ: &str =
    select_activity_review!("where id = $1 and reach('activity-reviews:write') = 'ALL'");

/// Writes the document and signs it. Errors: the review is signed already.
pub async fn handle(
    call: Call,
    Path(id): Path<ActivityReviewId>,
    Body(signature): Body<Signature>,
) -> Reply<Json<ActivityReview>> {
    let mut access = call.authorize(id);
    let source: Source = access.one(sql(SOURCE, &[&id])).await?;
    if source.is_signed {
        return Err(Error::Conflict(SIGNED));
    }
    let document = Document::new(source, &signature)
        .render()
        .map_err(|_| Error::Internal("the review can't be written"))?;
    let verification = signature.verification.map(Jsonb);
    let review: ActivityReview = access
        .write_then_read(
            sql(
                SIGN,
                &[&signature.conclusion, &verification, &document, &id],
            ),
            sql(READ, &[&id]),
        )
        .await?
        .row;
    access.add_note("html_sha256", review.html_sha256.clone());
    access.commit(Json(review)).await
}
