//! `GET /v1/medical-records/{id}/versions`: lists the versions of a medical record, newest first.

use api::prelude::*;
use domain::record::RecordVersion;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/medical-records/{id}/versions")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the versions of a medical record, newest first")
    .needs("records:read")
    .recorded_as(Action::Read, ResourceType::MedicalRecord);

// A patient sees no version while the record is withheld or archived, nor does a representative while it is shielded.
// Otherwise they see the former versions that they could read while these were current.
const LIST: &str = include_str!("versions.sql");

/// Answers a page of the versions.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    page: PageRequest<i32>,
) -> Reply<Json<Page<RecordVersion>>> {
    let mut access = call.authorize(id);
    let versions: Vec<RecordVersion> = access
        .all(sql(LIST, &[&id, &page.after().copied(), &page.fetch()]))
        .await?;
    // A caller who may read the record finds at least its current version.
    if versions.is_empty() {
        return Err(Error::NotFound);
    }
    access
        .commit(Json(page.page(versions, |version| version.version)))
        .await
}
