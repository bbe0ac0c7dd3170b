//! `GET /v1/medical-records/{id}/versions`: an entry as it is and was, newest first, with who and why.

use serde::Deserialize;
use shared::domain::record::RecordVersion;
use shared::prelude::*;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "list-record-versions",
    permission: "records:read",
    action: Action::Read,
    resource: ResourceType::MedicalRecord,
};

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

// The patient sees nothing while the entry is held or once it is deleted, and of its former versions
// those that she could have seen while they stood.
const LIST: &str = include_str!("list.sql");

/// Answers the page.
pub async fn handle(call: Call) -> Reply<Json<Page<RecordVersion>>> {
    let id: RecordId = call.path("id")?;
    let query: Query = call.query()?;
    let page = call.page::<i32>(query.limit, query.cursor.as_deref())?;
    let mut access = call.authorize(id);
    let versions: Vec<RecordVersion> = access
        .all(sql(LIST, &[&id, &page.after().copied(), &page.fetch()]))
        .await?;
    // Who may see the entry sees at least the version that stands.
    if versions.is_empty() {
        return Err(Error::NotFound);
    }
    access
        .commit(Json(page.page(versions, |version| version.version)))
        .await
}
