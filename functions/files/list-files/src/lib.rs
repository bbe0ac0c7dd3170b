//! `GET /v1/files`: lists the files that the caller may read, newest first.

use api::prelude::*;
use domain::expand;
use domain::expand::{Expand, Expanded};
use domain::file::{FileMetadata, FileStatus};
use domain::select_file;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/files")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the files that the caller may read, newest first")
    .needs("files:read")
    .recorded_as(Action::Search, ResourceType::File);

/// The filter for a list of files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only files about this patient.
    pub patient_id: Option<PatientId>,
    /// Only files that this user owns.
    pub owner_id: Option<UserId>,
    /// Only files that belong to this medical record.
    pub record_id: Option<RecordId>,
    /// Only files with this status.
    pub status: Option<FileStatus>,
    /// Whether archived files that the caller may archive are listed too. By default they are not.
    #[serde(default)]
    pub include_archived: bool,
    /// The persons whom the answer names: `patient`, `provider`, or both, separated by a comma. The provider is the
    /// owner of the file. Those whom the caller can't read are left out. By default the answer has only ids.
    #[serde(default)]
    pub expand: Expand,
}

// One branch for all files, one for the caller's own, one for those of the patients whom the caller represents and
// one for those of the patients in the caller's care. The last one asks a function for the page, because no index
// has the files of several patients in the list's order. Patients own all files about them, so OWN needs no branch
// for the caller's own chart.
const LIST: &str = expand!(
    select: union_all!(
    select: select_file!(""),
    branches: [
        "reach('files:read') = 'ALL'",
        "reach('files:read') <> 'ALL' and owner_id = actor_user()",
        (
            "patient_id = represented.patient and owner_id <> actor_user()",
            for each "(select patient from represented_patients() as patient
               where reach('files:read') = 'OWN' and ($1::uuid is null or patient = $1)) as represented"
        ),
        "reach('files:read') = 'CARE' and owner_id <> actor_user()
           and id = any (array(select files_in_care($1, $2, $3, $4, $5, $6, $7, $8)))",
    ],
    filters: "($1::uuid is null or patient_id = $1)
        and ($2::uuid is null or owner_id = $2)
        and ($3::uuid is null or record_id = $3)
        and ($4::text is null or status = $4::text::file_status)
        and (not is_archived or ($5 and changes_file(patient_id, owner_id, uploaded_by, record_id)))
        and (record_id is null or not is_withheld(owner_id, record_id))
        and ($6::timestamptz is null or (created_at, id) < ($6, $7))",
    order: "order by created_at desc, id desc limit $8",
    ),
    persons: "$9",
    provider: "v.user_id = item.owner_id",
    order: "order by item.created_at desc, item.id desc",
);

/// Answers a page of the files.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, FileId)>,
) -> Reply<Json<Page<Expanded<FileMetadata>>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let files: Vec<Expanded<FileMetadata>> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.owner_id,
                &filter.record_id,
                &filter.status,
                &filter.include_archived,
                &after_time,
                &after_id,
                &page.fetch(),
                &filter.expand.0,
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(files, |file| (file.row.created_at, file.row.id)),
        ))
        .await
}
