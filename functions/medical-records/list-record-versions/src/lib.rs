//! `GET /v1/medical-records/{id}/versions`: an entry as it is and was, newest first, with who and why.

use api::prelude::*;
use domain::record::RecordVersion;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/medical-records/{id}/versions")
    .named(env!("CARGO_PKG_NAME"))
    .summary("An entry as it is and was, newest first, with who and why")
    .needs("records:read")
    .recorded_as(Action::Read, ResourceType::MedicalRecord);

// The patient sees nothing while the entry is held or once it is deleted, and of its former versions
// those that she could have seen while they stood.
const LIST: &str = include_str!("list.sql");

/// Answers the page.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    page: PageRequest<i32>,
) -> Reply<Json<Page<RecordVersion>>> {
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
