//! `PUT /v1/patients/{id}/care/{user_id}`: gives a user a patient in care for some time.

use api::prelude::*;
use domain::care::{CareTeam, GrantBasis, care_detail, care_rule};
use domain::select_care_team;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/patients/{id}/care/{user_id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Gives a user a patient in care for some time")
    .needs("care:write")
    .recorded_as(Action::Update, ResourceType::Patient);

/// The care that the user is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The reason for which the user has the patient in care: a referral, or cover for a colleague.
    pub basis: GrantBasis,
    /// The time at which the care ends (RFC 3339), for example `2026-03-09T00:00:00Z`. It must be in the
    /// future, at most 366 days from now.
    pub until: Timestamp,
    /// The explanation in words, for example `Night shift`. Everyone who may read the patient's care team
    /// can read it, the patient included. Null if there is none.
    pub reason: Option<Text<500>>,
}

const GRANT: &str = "
    insert into care_relations (member_id, patient_id, basis, source, until, reason)
    select $1, id, $2::text::care_basis, $1, $3, $4
    from patients where id = $5 and not is_archived and reaches('care:write', id)
    on conflict (member_id, patient_id, basis, source) do update
    set until = excluded.until, reason = excluded.reason";
const READ: &str =
    select_care_team!("where id = $1 and not is_archived and reaches('care:write', id)");

/// Another grant on the same basis replaces the end and the reason of the one before. The grant is
/// suspended while the user is a provider whose licence is not verified.
pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    Path(user): Path<UserId>,
    Body(grant): Body<Grant>,
) -> Reply<Json<CareTeam>> {
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    access.add_note(
        "care",
        care_detail(user, grant.basis.label(), Some(grant.until)),
    );
    let team: CareTeam = access
        .write_then_read(
            sql(
                GRANT,
                &[&user, &grant.basis, &grant.until, &grant.reason, &id],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(care_rule)?
        .row;
    access.commit(Json(team)).await
}
