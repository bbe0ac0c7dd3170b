//! `GET /v1/files`: the files within the caller's reach, newest first.

use api::prelude::*;
use domain::file::{FileMetadata, FileStatus};
use domain::select_file;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/files")
    .named(env!("CARGO_PKG_NAME"))
    .summary("The files within the caller's reach, newest first")
    .needs("files:read")
    .recorded_as(Action::Search, ResourceType::File);

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// In whose chart.
    pub patient_id: Option<PatientId>,
    /// The owning user.
    pub owner_id: Option<UserId>,
    /// The entry that they belong to.
    pub record_id: Option<RecordId>,
    /// How far they are.
    pub status: Option<FileStatus>,
    /// Whether deleted ones are listed too.
    #[serde(default)]
    pub include_archived: bool,
}

// Deleted files are shown to who could have deleted them.
const LIST: &str = select_file!(
    "where (not is_archived or ($4 and changes_file(patient_id, owner_id, uploaded_by, record_id)))
       and (owner_id = actor_user() or case reach('files:read')
         when 'ALL' then true
         when 'CARE' then patient_id = any (array(select patients_in_care()))
         else patient_id = actor_patient()
       end)
       and (record_id is null or not is_withheld(owner_id, record_id))
       and ($1::uuid is null or patient_id = $1)
       and ($2::uuid is null or owner_id = $2)
       and ($8::uuid is null or record_id = $8)
       and ($3::text is null or status = $3::text::file_status)
       and ($5::timestamptz is null or (created_at, id) < ($5, $6))
     order by created_at desc, id desc
     limit $7"
);

/// Answers the page.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, FileId)>,
) -> Reply<Json<Page<FileMetadata>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let files: Vec<FileMetadata> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.owner_id,
                &filter.status,
                &filter.include_archived,
                &after_time,
                &after_id,
                &page.fetch(),
                &filter.record_id,
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(files, |file| (file.created_at, file.id))))
        .await
}
