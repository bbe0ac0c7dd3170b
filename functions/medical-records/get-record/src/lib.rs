//! `GET /v1/medical-records/{id}`: reads a medical record.

use api::prelude::*;
use domain::expand;
use domain::expand::{Expand, Expanded};
use domain::record::MedicalRecord;
use domain::select_record;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/medical-records/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a medical record")
    .needs("records:read")
    .recorded_as(Action::Read, ResourceType::MedicalRecord);

/// Options for reading a medical record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether an archived record is returned too. By default it is not. It has no effect for a patient.
    pub include_archived: Option<bool>,
    /// The persons whom the answer names: `patient`, `provider`, or both, separated by a comma. Those whom the caller
    /// can't read are left out. By default the answer has only ids. An answer with names has no `ETag`.
    #[serde(default)]
    pub expand: Expand,
}

const GET: &str = expand!(
    select: select_record!(
    "where id = $1 and reaches('records:read', patient_id, source_system)
       and case reach('records:read')
         when 'OWN' then not is_archived and (is_patient_visible or release_date <= now())
           and (not is_shielded or patient_id = actor_patient())
         else $2 or not is_archived
       end"
    ),
    persons: "$3",
    provider: "v.id = item.provider_id",
    order: "",
);

/// Answers the medical record. A patient gets it only while no hold withholds it, and a representative only if it isn't
/// shielded either.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<Expanded<MedicalRecord>>> {
    let archived = filter.include_archived.unwrap_or(false);
    let persons = filter.expand.0;
    call.authorize(id)
        .read(sql(GET, &[&id, &archived, &persons]))
        .await
}
