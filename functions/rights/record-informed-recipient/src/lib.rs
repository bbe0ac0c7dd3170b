//! `POST /v1/amendments/{id}/informed`: records that a recipient was informed of an amendment.

use api::prelude::*;
use domain::amendment::Amendment;
use domain::select_amendment;
use domain::text::Line;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/{id}/informed")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records that a recipient was informed of an amendment")
    .needs("amendments:decide")
    .recorded_as(Action::Update, ResourceType::Amendment)
    .conflicts(&[&[NOT_ACCEPTED, INFORMED]])
    .idempotent(READ);

const NOT_ACCEPTED: &str = "The amendment is not accepted, so nobody is informed of it yet.";
const INFORMED: &str = "The recipient was informed already.";

/// The information of one recipient.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Information {
    /// The recipient who was informed, one of `recipients`.
    pub recipient_id: AmendmentRecipientId,
    /// The day on which the recipient was informed, on the clinic's calendar.
    pub informed_on: Date,
    /// The way in which the recipient was informed, for example `Letter`.
    pub means: Line<200>,
}

// A trigger signs the information.
const INFORM: &str = "
    update amendment_recipients r set informed_on = $1, informed_by_means = $2
    from amendments a
    where r.id = $3 and r.amendment_id = $4 and a.id = r.amendment_id and r.informed_on is null
      and reaches('amendments:decide', a.patient_id) and shows_entry(a.record_id, a.file_id)";
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:decide', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Records the day and the means once for each recipient. Errors: the amendment isn't accepted, or it was recorded already.
pub async fn handle(
    call: Call,
    Path(id): Path<AmendmentId>,
    Body(information): Body<Information>,
) -> Reply<Json<Amendment>> {
    let mut access = call.authorize(id);
    access.add_note("recipient_id", information.recipient_id.to_string());
    let Written {
        row: amendment,
        is_changed,
    }: Written<Amendment> = access
        .write_then_read(
            sql(
                INFORM,
                &[
                    &information.informed_on,
                    &information.means,
                    &information.recipient_id,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint(
            "amendment_recipients_accepted",
            Error::Conflict(NOT_ACCEPTED),
        )
        .on_constraint("amendment_recipients_once", Error::Conflict(INFORMED))
        .on_constraint(
            "amendment_recipients_in_time",
            Error::invalid(
                "informed_on",
                "expected a day between the decision and today",
            ),
        )?;
    if !is_changed {
        let mut recipients = amendment.recipients.0.iter();
        return Err(
            match recipients.any(|recipient| recipient.id == information.recipient_id) {
                true => Error::Conflict(INFORMED),
                false => Error::invalid(
                    "recipient_id",
                    "expected the id of a recipient of this amendment",
                ),
            },
        );
    }
    access.commit(Json(amendment)).await
}
