//! `GET /v1/exports`: lists the requests for access that the caller may read, newest first.

use api::prelude::*;
use domain::export::Export;
use domain::select_export;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/exports")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the requests for access that the caller may read, newest first")
    .needs("exports:read")
    .recorded_as(Action::Search, ResourceType::Export);

/// The filter for a list of requests for access.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only requests for the data of this patient.
    pub patient_id: Option<PatientId>,
    /// Whether only requests are listed that wait for their answer, or only others. By default both are.
    pub open: Option<bool>,
    /// Whether only requests are listed that are not answered in time, or only others. By default both are.
    pub overdue: Option<bool>,
}

// A partial index has the open requests, and a parameter can't match it.
const LIST: &str = union_all!(
    select: select_export!(""),
    branches: [
        "reach('exports:read') = 'ALL' and $1::uuid is null and e.status in ('REQUESTED', 'BUILDING') and ($2 or $3)",
        "reach('exports:read') = 'ALL' and $1::uuid is null and coalesce(not ($2 or $3), true)",
        "reach('exports:read') = 'ALL' and e.patient_id = $1",
        "reach('exports:read') = 'OWN' and e.patient_id = actor_patient() and not e.is_for_representative",
        (
            "e.patient_id = represented.patient and e.is_for_representative and e.requested_by = actor_user()",
            for each "(select patient from represented_patients() as patient
               where reach('exports:read') = 'OWN' and ($1::uuid is null or patient = $1)) as represented"
        ),
        (
            "e.patient_id = cared.patient",
            for each "(select distinct c.patient_id as patient from care_relations c
               where reach('exports:read') = 'CARE' and c.member_id = actor_user() and c.until > now()
                 and not c.is_suspended and ($1::uuid is null or c.patient_id = $1)) as cared"
        ),
    ],
    filters: "($1::uuid is null or e.patient_id = $1)
        and ($2::boolean is null or (e.status in ('REQUESTED', 'BUILDING')) = $2)
        and ($3::boolean is null or (e.status in ('REQUESTED', 'BUILDING') and e.due_on < clinic_day(now())) = $3)
        and ($4::timestamptz is null or (e.created_at, e.id) < ($4, $5))",
    order: "order by created_at desc, id desc limit $6",
);

/// Answers a page of the requests: patients see their own, clinicians those of patients in their care.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, ExportId)>,
) -> Reply<Json<Page<Export>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let exports: Vec<Export> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.open,
                &filter.overdue,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(exports, |export| (export.created_at, export.id)),
        ))
        .await
}
