//! `DELETE /v1/patients/{id}/care/{user_id}`: ends the referral or cover of a user at once.

use api::prelude::*;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/patients/{id}/care/{user_id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Ends the referral or cover of a user at once")
    .needs("care:write")
    .recorded_as(Action::Update, ResourceType::Patient);

row! {
    /// The end of the referral and the cover of a user.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct EndedCare {
        /// The patient who was in the care of the user.
        pub patient_id: PatientId,
        /// The user who had the patient in care by referral or cover.
        pub user_id: UserId,
    }
}

impl Content for EndedCare {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

// One statement, because callers may end their own care, and don't reach the patient afterwards.
const END: &str = "
    with patient as (
      select id from patients where id = $1 and not is_archived and reaches('care:write', id)
    ), ended as (
      update care_relations set until = now()
      from patient
      where patient_id = patient.id and member_id = $2 and basis in ('REFERRAL', 'COVER') and until > now()
    )
    select id as patient_id, $2 as user_id from patient";

/// Without a referral or cover, nothing changes. An assignment and an appointment are bases of their own.
pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    Path(user): Path<UserId>,
) -> Reply<Json<EndedCare>> {
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    access.add_note("user_id", user.to_string());
    let ended: EndedCare = access.one(sql(END, &[&id, &user])).await?;
    access.commit(Json(ended)).await
}
