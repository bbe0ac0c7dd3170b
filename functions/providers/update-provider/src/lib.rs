//! `PATCH /v1/providers/{id}`: changes a provider's hours and fields, or as administrator her licence.

use serde::{Deserialize, Serialize};
use shared::domain::custom_data::{CustomData, CustomDataTable};
use shared::domain::provider::{Certification, Provider, provider_rule};
use shared::domain::schedule::Schedule;
use shared::domain::text::Text;
use shared::prelude::*;
use shared::sql::Jsonb;
use shared::{row, select_provider};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "update-provider",
    permission: "providers:update",
    action: Action::Update,
    resource: ResourceType::Provider,
};

/// What can be changed.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// The licence; another number has to be verified again. An administrator's to change.
    pub license_number: Text<100>,
    /// Fields of practice.
    pub specialties: Vec<Text<100>>,
    /// Qualifications. An administrator's to change.
    pub certifications: Option<Vec<Certification>>,
    /// Hours.
    pub schedule: Option<Schedule>,
    /// The clinic's own fields, as its registered schema has them. An administrator's to change.
    pub custom_data: Option<CustomData>,
}

row! {
    /// What stands.
    pub struct Current {
        /// As [`Editable`].
        pub fields: Jsonb<Editable>,
        /// The version that the custom data satisfied.
        pub custom_data_version: Option<i32>,
        /// To be changed from.
        pub version: i32,
    }
}

// Locks the row for the caller whose it is to change.
const CURRENT: &str = "
    select jsonb_build_object('license_number', license_number, 'specialties', specialties,
      'certifications', certifications, 'schedule', schedule, 'custom_data', custom_data) as fields,
      custom_data_version, version
    from providers
    where id = $1 and not is_archived
      and (id = actor_provider() or reach('providers:update') = 'ALL')
    for update";
const UPDATE: &str = "
    update providers
    set license_number = $2, specialties = $3, certifications = $4, schedule = $5, custom_data = $6,
      custom_data_version = $7
    where id = $1";
const READ: &str = select_provider!("where id = $1");

/// Editable the provider.
pub async fn handle(call: Call) -> Reply<Json<Provider>> {
    let id: ProviderId = call.path("id")?;
    let (patch, if_match) = (call.merge_patch()?, call.if_match()?);
    let mut access = call.authorize(id);
    let current: Current = access.one(sql(CURRENT, &[&id])).await?;
    if_match.check(current.version)?;
    let changed: Editable = patch.apply(&current.fields.0)?;
    access.note("fields", patch.fields());
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::Providers,
        &patch,
        changed.custom_data,
        current.custom_data_version,
    )
    .await?;
    let provider: Provider = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &id,
                    &changed.license_number,
                    &changed.specialties,
                    &changed.certifications.map(Jsonb),
                    &changed.schedule.map(Jsonb),
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(provider_rule)
        .on_constraint(
            "providers_own_change",
            Error::Forbidden(
                "licence, certifications and custom data are an administrator's to change",
            ),
        )?;
    access.commit(Json(provider)).await
}
