//! `GET /v1/audit-logs`: lists the audit log, newest rows first.

use api::prelude::*;
use audit::audit_log::AuditLog;
use audit::select_audit_log;
use audit::{Outcome, PurposeOfUse};
use domain::text::Identifier;
use sealed_log::{ListedRow, SealedLog};
use sql::union_all;

/// The rows about everything; about one resource, or one patient as the resource; about one patient; and the searches
/// that returned this patient among others. The planner drops the branches that don't apply.
macro_rules! branches {
    ($select:expr, $request:literal) => {
        union_all!(
            select: $select,
            branches: [
                "reach('audit:read') = 'ALL' and $1::uuid is null and $4::uuid is null",
                "reach('audit:read') = 'ALL' and $1::uuid is null
                   and resource_id = $4 and resource_id is distinct from patient_id",
                "reach('audit:read') = 'ALL' and $1::uuid is null and patient_id = $4",
                "reach('audit:read') = 'ALL' and patient_id = $1",
                "reach('audit:read') = 'ALL' and $1 is not null
                   and (month, id) in (select named.month, named.id from searches_naming($1) as named)",
            ],
            filters: concat!($request, include_str!("filters.sql")),
            order: "order by id desc limit $14",
        )
    };
}

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
    /// Only actions for this purpose are listed, for example `ETREAT`. Actions of functions without a caller have none.
    pub purpose_of_use: Option<PurposeOfUse>,
    /// Only actions of the request with this id are listed. The answer to that request carries the id
    /// in the `x-request-id` header. The id of a function's invocation by an event or a schedule lists the
    /// actions of all its steps.
    pub request_id: Option<Identifier<128>>,
    /// Only actions at this time or later are listed (RFC 3339).
    pub from: Option<Timestamp>,
    /// Only actions before this time are listed (RFC 3339).
    pub to: Option<Timestamp>,
}

// The ids of a job's steps are between the invocation's id with '/' and with '0', the character after it. The index of
// archived rows has hashes of request ids. One statement sees one state of the database: a month that is archived
// meanwhile is in one of both.
const LIST: &str = concat!(
    "select stored.*, null::date as month, null::integer as part, null::bigint as block_offset,
       null::bigint as block_length
     from (",
    branches!(
        select_audit_log!(""),
        "($7::text is null or request_id = $7 or (request_id >= $7 || '/' and request_id < $7 || '0')) and "
    ),
    ") as stored union all select archived.id, ",
    include_str!("absent.sql"),
    ", archived.month, archived.part, p.block_offsets[archived.block + 1],
       coalesce(p.block_offsets[archived.block + 2], p.bytes) - p.block_offsets[archived.block + 1]
     from (",
    branches!(
        "select id, month, part, block from audit_archive_rows ",
        "($7::text is null or (request_hash = request_hash($7)
           and (step_hash($7) is null or step_hash = step_hash($7)))) and "
    ),
    ") as archived join audit_archive_parts p using (month, part) order by id desc limit $14"
);

pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<AuditLogId>,
    Configured(log): Configured<SealedLog>,
) -> Reply<Json<Page<AuditLog>>> {
    let mut access = call.authorize(Search::default());
    let listed: Vec<ListedRow> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.user_id,
                &filter.resource_type,
                &filter.resource_id,
                &filter.action_type,
                &filter.outcome,
                &filter.request_id,
                &filter.from,
                &filter.from.map(AuditLogId::first_of),
                &filter.to,
                &filter.to.map(AuditLogId::first_after),
                &filter.purpose_of_use,
                &page.after().copied(),
                &page.fetch(),
            ],
        ))
        .await?;
    let rows = log.complete(listed).await?;
    access.commit(Json(page.page(rows, |row| row.id))).await
}
