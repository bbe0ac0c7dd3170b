//! `GET /v1/audit-logs`: lists the audit log, newest rows first.

use api::prelude::*;
use audit::Outcome;
use audit::audit_log::AuditLog;
use audit::select_audit_log;
use domain::text::Text;
use jiff::Timestamp;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/audit-logs")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the audit log, newest rows first")
    .needs("audit:read")
    .recorded_as(Action::Search, ResourceType::AuditLog);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only actions of this user are listed.
    pub user_id: Option<UserId>,
    /// Only actions that concerned this patient, alone or among others, are listed.
    pub patient_id: Option<PatientId>,
    /// Only actions on this kind of resource are listed, for example `PATIENT`.
    pub resource_type: Option<ResourceType>,
    /// Only actions on the resource with this id are listed.
    pub resource_id: Option<AnyId>,
    /// Only this kind of action is listed, for example `READ`.
    pub action_type: Option<Action>,
    /// Only actions with this result are listed.
    pub outcome: Option<Outcome>,
    /// Only actions of the request with this id are listed. The answer to that request carries the id
    /// in the `x-request-id` header.
    pub request_id: Option<Text<128>>,
    /// Only actions at this time or later are listed (RFC 3339).
    pub from: Option<Timestamp>,
    /// Only actions before this time are listed (RFC 3339).
    pub to: Option<Timestamp>,
}

// What every branch asks, behind its own conditions. `month` repeats what `timestamp` says, so that only
// the partitions concerned are read. Two outcomes are said once more as they stand: a parameter matches
// no partial index (`migrations/V0015__audit_logs.sql`).
macro_rules! filters {
    () => {
        "and ($1::uuid is null or user_id = $1)
            and ($3::text is null or resource_type = $3)
            and ($4::uuid is null or resource_id = $4)
            and ($5::text is null or action_type = $5::text::audit_action)
            and ($6::text is null or outcome = $6::text::audit_outcome)
            and ($6::text is distinct from 'DENIED' or outcome = 'DENIED')
            and ($6::text is distinct from 'FAILURE' or outcome = 'FAILURE')
            and ($7::text is null or request_id = $7)
            and ($8::timestamptz is null
              or (timestamp >= $8 and month >= date_trunc('month', $8 at time zone 'UTC')::date))
            and ($9::timestamptz is null
              or (timestamp < $9 and month <= ($9 at time zone 'UTC')::date))
            and ($10::timestamptz is null
              or ((timestamp, id) < ($10, $11) and month <= ($10 at time zone 'UTC')::date))
          order by timestamp desc, id desc limit $12"
    };
}

// One branch for rows of all patients, one for those about the one asked for, one for searches that
// named her among others. The planner drops those that don't apply.
const LIST: &str = concat!(
    "(",
    select_audit_log!(
        "where reach('audit:read') = 'ALL' and $2::uuid is null ",
        filters!()
    ),
    ") union all (",
    select_audit_log!(
        "where reach('audit:read') = 'ALL' and patient_id = $2 ",
        filters!()
    ),
    ") union all (",
    select_audit_log!(
        "where reach('audit:read') = 'ALL' and $2 is not null
           and (month, id) in (select named.month, named.id from searches_naming($2) as named) ",
        filters!()
    ),
    ") order by timestamp desc, id desc limit $12"
);

pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, AuditLogId)>,
) -> Reply<Json<Page<AuditLog>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search::default());
    if let Some(patient) = filter.patient_id {
        access.add_note("filtered_patient_id", patient.to_string());
    }
    let rows: Vec<AuditLog> = access
        .all(sql(
            LIST,
            &[
                &filter.user_id,
                &filter.patient_id,
                &filter.resource_type,
                &filter.resource_id,
                &filter.action_type,
                &filter.outcome,
                &filter.request_id,
                &filter.from,
                &filter.to,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(rows, |row| (row.timestamp, row.id))))
        .await
}
