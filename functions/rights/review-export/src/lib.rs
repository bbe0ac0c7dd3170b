//! `POST /v1/exports/{id}/review`: reviews what was denied of a request for access.

use api::prelude::*;
use domain::export::{CONFLICTS, Export, ReviewOutcome, export_rule};
use domain::select_export;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/exports/{id}/review")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reviews what was denied of a request for access")
    .needs("exports:review")
    .recorded_as(Action::Update, ResourceType::Export)
    .conflicts(&[CONFLICTS])
    .idempotent(READ);

/// The review of a denial by a licensed health care professional who took no part in it (45 CFR 164.524(a)(4)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The outcome of the review.
    pub outcome: ReviewOutcome,
    /// The basis for the outcome in plain words, which the patient reads.
    pub basis: Text<2000>,
}

const REVIEW: &str = "
    update exports set review_outcome = $1::text::review_outcome, review_basis = $2, reviewed_at = now()
    where id = $3 and reaches('exports:review', patient_id)";
const READ: &str = select_export!("where e.id = $1 and reaches('exports:review', e.patient_id)");

/// Records the outcome. If the denial is overturned, a package with what was left out is built. Errors: nobody asked for a
/// review, or the caller took part in the denial.
pub async fn handle(
    call: Call,
    Path(id): Path<ExportId>,
    Body(review): Body<Review>,
) -> Reply<Json<Export>> {
    let mut access = call.authorize(id);
    access.add_note("outcome", review.outcome.label());
    let export: Export = access
        .write_then_read(
            sql(REVIEW, &[&review.outcome, &review.basis, &id]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(export_rule)?
        .row;
    access.commit(Json(export)).await
}
