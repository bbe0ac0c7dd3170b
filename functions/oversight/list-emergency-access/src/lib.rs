//! `GET /v1/emergency-access`: lists the emergency accesses that the caller may read, newest first.

use api::prelude::*;
use domain::emergency::EmergencyAccess;
use domain::select_emergency_access;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/emergency-access")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the emergency accesses that the caller may read, newest first")
    .needs("emergency-access:read")
    .recorded_as(Action::Search, ResourceType::EmergencyAccess);

/// The filter for a list of emergency accesses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only accesses to this patient.
    pub patient_id: Option<PatientId>,
    /// Only accesses of this user.
    pub member_id: Option<UserId>,
    /// Whether only accesses without a review are listed, or only reviewed ones. By default both are.
    pub needs_review: Option<bool>,
    /// Whether only accesses are listed that should have been reviewed by now and were not, or only others. By default
    /// both are.
    pub overdue: Option<bool>,
}

// A partial index has the accesses without a review, and a parameter can't match it.
const LIST: &str = union_all!(
    select: select_emergency_access!(""),
    branches: [
        "reach('emergency-access:read') = 'ALL' and review is null and ($3 or $4)",
        "reach('emergency-access:read') = 'ALL' and coalesce(not ($3 or $4), true)",
        "reach('emergency-access:read') = 'CARE' and member_id = actor_user()",
        "reach('emergency-access:read') = 'OWN' and patient_id = actor_patient()",
        (
            "patient_id = represented.patient",
            for each "(select patient from represented_patients() as patient
               where reach('emergency-access:read') = 'OWN' and ($1::uuid is null or patient = $1)) as represented"
        ),
    ],
    filters: "($1::uuid is null or patient_id = $1)
        and ($2::uuid is null or member_id = $2)
        and ($3::boolean is null or (review is null) = $3)
        and ($4::boolean is null or (review is null and review_due_at <= now()) = $4)
        and ($5::timestamptz is null or (granted_at, id) < ($5, $6))",
    order: "order by granted_at desc, id desc limit $7",
);

/// Answers a page of the emergency accesses: clinicians see their own, patients those to their chart.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, EmergencyAccessId)>,
) -> Reply<Json<Page<EmergencyAccess>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let accesses: Vec<EmergencyAccess> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.member_id,
                &filter.needs_review,
                &filter.overdue,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(accesses, |access| (access.granted_at, access.id)),
        ))
        .await
}
