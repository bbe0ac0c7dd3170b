//! `GET /v1/amendments`: lists the amendments that the caller may read, newest first.

use api::prelude::*;
use domain::amendment::{Amendment, AmendmentStatus};
use domain::select_amendment;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/amendments")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the amendments that the caller may read, newest first")
    .needs("amendments:read")
    .recorded_as(Action::Search, ResourceType::Amendment);

/// The filter for a list of amendments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only amendments in the chart of this patient.
    pub patient_id: Option<PatientId>,
    /// Only amendments of this medical record.
    pub record_id: Option<RecordId>,
    /// Only amendments of this file.
    pub file_id: Option<FileId>,
    /// Only amendments with this status.
    pub status: Option<AmendmentStatus>,
    /// Whether only requests are listed that nobody decided about by their due date, or only other amendments. By default
    /// both are.
    pub overdue: Option<bool>,
    /// Only requests without a decision that are due on this day or before it.
    pub due_until: Option<Date>,
}

// The first three branches find the amendments of a record, a file or a patient, and the others those of all charts that the
// caller reaches. A partial index has the open requests, and a parameter can't match it.
const LIST: &str = union_all!(
    select: select_amendment!(""),
    branches: [
        "$2::uuid is not null and a.record_id = $2",
        "$2::uuid is null and $3::uuid is not null and a.file_id = $3",
        "$2::uuid is null and $3::uuid is null and $1::uuid is not null and a.patient_id = $1",
        "coalesce($1, $2, $3) is null and reach('amendments:read') = 'OWN' and a.patient_id = actor_patient()",
        (
            "a.patient_id = represented.patient",
            for each "(select patient from represented_patients() as patient
               where coalesce($1, $2, $3) is null and reach('amendments:read') = 'OWN') as represented"
        ),
        (
            "a.patient_id = charts.patient and a.status = 'REQUESTED'",
            for each "(select patient from charts_with_amendments(true) as patient
               where coalesce($1, $2, $3) is null
                 and ($4::text = 'REQUESTED' or $5::boolean or $6::date is not null)) as charts"
        ),
        (
            "a.patient_id = charts.patient",
            for each "(select patient from charts_with_amendments(false) as patient
               where coalesce($1, $2, $3) is null
                 and coalesce(not ($4::text = 'REQUESTED' or $5::boolean or $6::date is not null), true)) as charts"
        ),
    ],
    filters: "reaches('amendments:read', a.patient_id) and shows_entry(a.record_id, a.file_id)
        and ($1::uuid is null or a.patient_id = $1)
        and ($3::uuid is null or a.file_id = $3)
        and ($4::text is null or a.status = $4::text::amendment_status)
        and ($5::boolean is null or (a.status = 'REQUESTED' and a.due_on < clinic_day(now())) = $5)
        and ($6::date is null or (a.status = 'REQUESTED' and a.due_on <= $6))
        and ($7::timestamptz is null or (a.created_at, a.id) < ($7, $8))",
    order: "order by created_at desc, id desc limit $9",
);

/// Answers a page of the amendments of entries that the caller reads.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, AmendmentId)>,
) -> Reply<Json<Page<Amendment>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let amendments: Vec<Amendment> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.record_id,
                &filter.file_id,
                &filter.status,
                &filter.overdue,
                &filter.due_until,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    let page = page.page(amendments, |amendment| (amendment.created_at, amendment.id));
    access.commit(Json(page)).await
}
