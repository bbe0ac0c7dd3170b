//! `GET /v1/exports/{id}/package`: reads a URL to download the package of a request for access.

use api::prelude::*;
use files::{Download, Store};
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/exports/{id}/package")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a URL to download the package of a request for access")
    .needs("exports:download")
    .recorded_as(Action::Read, ResourceType::Export)
    .conflicts(&[&[NOT_READY]]);

const NOT_READY: &str = "There is no package. Read the request with GET /v1/exports/{id}: its package is not ready yet, was denied, or was kept for 30 days and is deleted.";

/// The package of a request for access: a ZIP archive.
#[derive(JsonSchema, Serialize)]
pub struct Package {
    /// The request that the package answers.
    pub export_id: ExportId,
    /// The patient about whom it contains data.
    pub patient_id: PatientId,
    /// The size of the package in bytes.
    #[schemars(range(min = 1))]
    pub size: i64,
    /// The SHA-256 digest of the package, as 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The way to download the package.
    pub download: Download,
}

impl Content for Package {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

row! {
    /// The package as its request describes it.
    pub struct Stored {
        /// The patient.
        pub patient_id: PatientId,
        /// The attempt that built it, which its key contains.
        pub attempts: i32,
        /// The size in bytes. None if there is no package.
        pub size: Option<i64>,
        /// The digest.
        pub sha256: Option<String>,
    }
}

const GET: &str = "
    select e.patient_id, e.attempts,
      case when e.status = 'READY' and e.available_until > now() then e.package_size end as size,
      encode(e.package_sha256, 'hex') as sha256
    from exports e where e.id = $1 and reaches('exports:download', e.patient_id)
      and owns_export('exports:download', e.patient_id, e.requested_by, e.is_for_representative)";

/// Answers a signed URL. Errors: there is no package, or not any more.
pub async fn handle(
    call: Call,
    Path(id): Path<ExportId>,
    Configured(store): Configured<Store>,
) -> Reply<Json<Package>> {
    let mut access = call.authorize(id);
    let stored: Stored = access.one(sql(GET, &[&id])).await?;
    let (Some(size), Some(sha256)) = (stored.size, stored.sha256) else {
        return Err(Error::Conflict(NOT_READY));
    };
    let location = store.package_place(stored.patient_id, id, stored.attempts);
    let download = store.presign_package(&mut access, &location, id).await?;
    access
        .commit(Json(Package {
            export_id: id,
            patient_id: stored.patient_id,
            size,
            sha256,
            download,
        }))
        .await
}
