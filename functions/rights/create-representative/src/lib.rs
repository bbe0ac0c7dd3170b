//! `POST /v1/representatives`: enters who represents a patient, for another person to confirm.

use api::prelude::*;
use domain::representative::{
    Representative, RepresentativeBasis, RepresentativeScope, representative_rule,
};
use domain::select_representative;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/representatives")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Links a user to a patient whom they represent")
    .needs("representatives:write")
    .recorded_as(Action::Create, ResourceType::Representative)
    .conflicts(&[&[LINKED]])
    .idempotent(READ);

const LINKED: &str =
    "The user represents the patient already, or is entered to. End that representation first.";

/// A new representation. It gives no right until another person confirms it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepresentative {
    /// The patient who is represented.
    pub patient_id: PatientId,
    /// The user who represents the patient, with an account of their own.
    pub user_id: UserId,
    /// The legal basis of the representation.
    pub basis: RepresentativeBasis,
    /// The extent of the representation.
    pub scope: RepresentativeScope,
    /// The time from which the user represents the patient (RFC 3339). Null for now.
    pub since: Option<Timestamp>,
    /// The time until which the user represents the patient (RFC 3339), in the future. Null if no end is known. For a
    /// minor, it ends at the latest when the patient comes of age.
    pub until: Option<Timestamp>,
    /// The description of the evidence that was seen, such as a birth certificate or a court order. It must not contain
    /// clinical data.
    pub evidence: Text<1000>,
}

const LINK: &str = "
    insert into representatives (id, user_id, patient_id, basis, scope, since, until, evidence)
    select $1, $2, id, $3::text::representative_basis, $4::text::representative_scope, coalesce($5, now()), $6, $7
    from patients where id = $8 and not is_archived and reach('representatives:write') = 'ALL'";
const READ: &str =
    select_representative!("where r.id = $1 and reach('representatives:write') = 'ALL'");

/// Enters the representation. Errors: the user is the caller or the patient, represents the patient already, or the basis
/// doesn't fit the patient.
pub async fn handle(
    call: Call,
    Body(new): Body<NewRepresentative>,
) -> Reply<Created<Representative>> {
    let id = RepresentativeId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    access.add_note("representative_user_id", new.user_id.to_string());
    let representative: Representative = access
        .write_then_read(
            sql(
                LINK,
                &[
                    &id,
                    &new.user_id,
                    &new.basis,
                    &new.scope,
                    &new.since,
                    &new.until,
                    &new.evidence,
                    &new.patient_id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(representative_rule)
        .on_constraint("representatives_once", Error::Conflict(LINKED))?
        .row;
    access
        .commit(Created {
            location: format!("/v1/representatives/{id}"),
            body: representative,
        })
        .await
}
