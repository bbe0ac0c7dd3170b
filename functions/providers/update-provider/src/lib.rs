//! `PATCH /v1/providers/{id}`: changes a provider's hours and fields, or as administrator her licence.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::provider::{Certification, PROVIDER_CONFLICTS, Provider, provider_rule};
use domain::schedule::Schedule;
use domain::select_provider;
use domain::text::Text;
use sql::Jsonb;
use sql::row;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/providers/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Changes a provider's hours and fields, or as administrator her licence")
    .needs("providers:update")
    .recorded_as(Action::Update, ResourceType::Provider)
    .conflicts(&[PROVIDER_CONFLICTS]);

row! {
/// What can be changed.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// The licence; another number has to be verified again. An administrator's to change.
    pub license_number: Text<100>,
    /// Fields of practice.
    pub specialties: Vec<Text<100>>,
    /// Qualifications. An administrator's to change.
    pub certifications: Option<Jsonb<Vec<Certification>>>,
    /// Hours.
    pub schedule: Option<Jsonb<Schedule>>,
    /// The clinic's own fields, as its registered schema has them. An administrator's to change.
    pub custom_data: Option<CustomData>,
}
}

row! {
    /// What else the change depends on.
    pub struct Extra {
        /// The version of the registered schema that the custom data satisfied.
        pub custom_data_version: Option<i32>,
    }
}

// Locks the row for the caller whose it is to change.
const CURRENT: &str = "
    select license_number, specialties, certifications, schedule, custom_data, custom_data_version,
      version
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
pub async fn handle(
    call: Call,
    Path(id): Path<ProviderId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<Provider>> {
    let mut access = call.authorize(id);
    let current: Current<Editable, Extra> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let changed = access.apply(&patch, &current.editable)?;
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::Providers,
        &patch,
        changed.custom_data,
        current.extra.custom_data_version,
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
                    &changed.certifications,
                    &changed.schedule,
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
                "Only an administrator can change the licence, certifications and custom data.",
            ),
        )?
        .row;
    access.commit(Json(provider)).await
}
