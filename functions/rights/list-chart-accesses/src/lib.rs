//! `GET /v1/patients/{id}/accesses`: lists who opened the chart of a patient.

mod access;
mod summary;

use api::prelude::*;

use access::{ChartAccess, Found};

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients/{id}/accesses")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists who opened the chart of a patient")
    .needs("chart-accesses:read")
    .recorded_as(Action::Search, ResourceType::AuditLog);

/// The filter for a list of accesses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only accesses at this time or later are listed (RFC 3339).
    pub from: Option<Timestamp>,
    /// Only accesses before this time are listed (RFC 3339).
    pub until: Option<Timestamp>,
    /// Only accesses of this user are listed. If the clinic shows only the roles of its staff, no access of a member of the staff
    /// matches.
    pub user_id: Option<UserId>,
    /// Whether the accesses of the patient themself are listed. By default they are.
    pub own: Option<bool>,
}

const LIST: &str = "
    select id, accessed_at, user_id, user_name, actor_role, purpose_of_use, action_type, resource_type, resource_id,
      application, explanation, is_readers, reached
    from list_chart_accesses($1, $2, $3, $4, $5, $6, $7)";

/// Answers a page of the accesses, newest first. Errors: the caller may not see who opened this chart.
pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    Query(filter): Query<Filter>,
    page: PageRequest<AuditLogId>,
) -> Reply<Json<Page<ChartAccess>>> {
    let mut access = call.authorize(Search { patient: Some(id) });
    let found: Vec<Found> = access
        .all(sql(
            LIST,
            &[
                &id,
                &filter.from.map(AuditLogId::first_of),
                &filter.until.map(AuditLogId::first_of),
                &filter.user_id,
                &filter.own.unwrap_or(true),
                &page.after().copied(),
                &page.fetch(),
            ],
        ))
        .await?;
    let mut reached = None;
    let mut accesses = Vec::new();
    for row in found {
        match row {
            Found::Access(found) => accesses.push(ChartAccess::of(*found, id)),
            Found::Reached(key) => reached = Some(key),
        }
    }
    let page = page.page_as_far(accesses, reached, |access| access.id);
    access.commit(Json(page)).await
}
