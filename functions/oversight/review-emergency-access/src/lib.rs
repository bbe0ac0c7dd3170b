//! `POST /v1/emergency-access/{id}/review`: records the review of an emergency access.

use api::prelude::*;
use domain::emergency::{EmergencyAccess, EmergencyReview};
use domain::select_emergency_access;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/emergency-access/{id}/review")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records the review of an emergency access")
    .needs("emergency-access:review")
    .recorded_as(Action::Update, ResourceType::EmergencyAccess)
    .conflicts(&[&[REVIEWED, IN_FORCE]])
    .idempotent(READ);

const REVIEWED: &str = "The emergency access was reviewed already.";
const IN_FORCE: &str =
    "The emergency access is still in force. Revoke it, or review it after its end.";
const ONESELF: &str =
    "Nobody can review their own emergency access. Ask another compliance officer to do it.";

/// The review of an emergency access.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The result of the review.
    pub review: EmergencyReview,
    /// The explanation, which only compliance officers can read. It must not contain clinical data. It is required for
    /// `INCIDENT_OPENED`.
    pub note: Option<Text<1000>>,
}

impl Check for Review {
    fn check(&self, _sound: &Sound<'_>) -> Result<(), Error> {
        match self.review == EmergencyReview::IncidentOpened && self.note.is_none() {
            false => Ok(()),
            true => Err(Error::invalid(
                "note",
                "expected an explanation of the incident",
            )),
        }
    }
}

// A trigger signs the review.
const REVIEW: &str = "
    update emergency_accesses set review = $1::text::emergency_review, review_note = $2
    where id = $3 and review is null and (revoked_at is not null or ends_at <= now())
      and reach('emergency-access:review') = 'ALL'";
const READ: &str =
    select_emergency_access!("where id = $1 and reach('emergency-access:review') = 'ALL'");

/// Each access is reviewed once, after its end. Errors: it is in force or was reviewed already, or it is the caller's own.
pub async fn handle(
    call: Call,
    Path(id): Path<EmergencyAccessId>,
    CheckedBody(review): CheckedBody<Review>,
) -> Reply<Json<EmergencyAccess>> {
    let mut access = call.authorize(id);
    access.add_note("review", review.review.label());
    let Written {
        row: reviewed,
        is_changed,
    }: Written<EmergencyAccess> = access
        .write_then_read(
            sql(REVIEW, &[&review.review, &review.note, &id]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint(
            "emergency_accesses_reviewed_by_another",
            Error::Forbidden(ONESELF),
        )?;
    if !is_changed {
        return Err(Error::Conflict(match reviewed.review {
            Some(_) => REVIEWED,
            None => IN_FORCE,
        }));
    }
    access.commit(Json(reviewed)).await
}
