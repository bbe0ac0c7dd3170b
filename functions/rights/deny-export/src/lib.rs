//! `POST /v1/exports/{id}/deny`: denies a request for access, or leaves out some of its entries.

use api::prelude::*;
use domain::export::{CONFLICTS, DenialGround, Export, export_rule};
use domain::select_export;
use domain::text::Text;
use sql::Parameter;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/exports/{id}/deny")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Denies a request for access, or leaves out some of its entries")
    .needs("exports:decide")
    .recorded_as(Action::Update, ResourceType::Export)
    .conflicts(&[CONFLICTS])
    .idempotent(READ);

/// The denial of access to all data or to some entries. The patient gets all other entries (45 CFR 164.524(d)(1)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The ground on which access is denied.
    pub ground: DenialGround,
    /// The basis for the denial in plain words. The patient reads it if the whole request is denied.
    pub basis: Text<2000>,
    /// The medical records to leave out of the package. Null if the whole request is denied.
    #[schemars(length(min = 1, max = 100))]
    pub record_ids: Option<Vec<RecordId>>,
}

const DENY: &str = "
    update exports set denial_ground = $1::text::denial_ground, denial_basis = $2, denied_at = now()
    where id = $3 and reaches('exports:decide', patient_id)";
const LEAVE_OUT: &str = "
    insert into export_exclusions (export_id, record_id, patient_id, ground, basis)
    select e.id, entry.id, e.patient_id, $1::text::denial_ground, $2
    from exports e cross join unnest($4::uuid[]) as entry (id)
    where e.id = $3 and reaches('exports:decide', e.patient_id)
    on conflict do nothing";
const READ: &str = select_export!("where e.id = $1 and reaches('exports:decide', e.patient_id)");

/// Denies the request or leaves out the entries, whose ids are in the audit row. Errors: the request is not open, or an
/// entry isn't the patient's.
pub async fn handle(
    call: Call,
    Path(id): Path<ExportId>,
    Body(denial): Body<Denial>,
) -> Reply<Json<Export>> {
    let mut access = call.authorize(id);
    if denial
        .record_ids
        .as_ref()
        .is_some_and(|records| !(1..=100).contains(&records.len()))
    {
        return Err(Error::invalid(
            "record_ids",
            "expected 1 to 100 ids, or null",
        ));
    }
    access.add_note("ground", denial.ground.label());
    let records = denial.record_ids.unwrap_or_default();
    let is_whole = records.is_empty();
    if !is_whole {
        let ids: Vec<_> = records.iter().map(RecordId::to_string).collect();
        access.add_note("record_ids", ids);
    }
    let whole: [&dyn Parameter; 3] = [&denial.ground, &denial.basis, &id];
    let some: [&dyn Parameter; 4] = [&denial.ground, &denial.basis, &id, &records];
    let write = match is_whole {
        true => sql(DENY, &whole),
        false => sql(LEAVE_OUT, &some),
    };
    let export: Export = access
        .write_then_read(write, sql(READ, &[&id]))
        .await
        .on_constraints(export_rule)?
        .row;
    access.commit(Json(export)).await
}
