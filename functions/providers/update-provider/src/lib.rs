//! `PATCH /v1/providers/{id}`: changes a provider's hours, specialties, licence or other data.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::provider::{Certification, PROVIDER_CONFLICTS, Provider, provider_rule};
use domain::schedule::Schedule;
use domain::select_provider;
use domain::text::{Identifier, Line};
use sql::Jsonb;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/providers/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Changes a provider's hours, specialties, licence or other data")
    .needs("providers:update")
    .recorded_as(Action::Update, ResourceType::Provider)
    .conflicts(&[PROVIDER_CONFLICTS, &[CHANGED_SINCE_IMPORT]]);

row! {
    /// The fields of a provider that can be changed. Providers can change their own `specialties` and
    /// `schedule`. An administrator can change all fields.
    #[derive(Debug, Deserialize, JsonSchema, Serialize)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The number of the provider's professional licence, which no other provider may have. A
        /// new number must be verified again.
        pub license_number: Identifier<100>,
        /// The medical specialties of the provider as a complete list of at most 50, for example
        /// `Cardiology`.
        pub specialties: Vec<Line<100>>,
        /// The professional qualifications of the provider as a complete list. Null removes the
        /// list.
        pub certifications: Option<Jsonb<Vec<Certification>>>,
        /// The hours in which appointments with the provider can be booked. Null removes all hours.
        pub schedule: Option<Jsonb<Schedule>>,
        /// Additional fields that the clinic defines, valid against the JSON Schema registered for
        /// `providers`. Null removes them.
        pub custom_data: Option<CustomData>,
    }
}

row! {
    /// What the change depends on besides the current values.
    pub struct Extra {
        /// The version of the JSON Schema that the stored custom data satisfies.
        pub custom_data_version: Option<i32>,
    }
}

const CURRENT: &str = "
    select license_number, specialties, certifications, schedule, custom_data, custom_data_version,
      version
    from providers
    where id = $1 and not is_archived
      and (id = actor_provider() or reach('providers:update') = 'ALL'
        or reach('providers:update') = 'SOURCE' and source_system = actor_source())
    for update";
const UPDATE: &str = "
    update providers
    set license_number = $1, specialties = $2, certifications = $3, schedule = $4, custom_data = $5,
      custom_data_version = $6
    where id = $7";
const READ: &str = select_provider!("where id = $1");

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
                    &changed.license_number,
                    &changed.specialties,
                    &changed.certifications,
                    &changed.schedule,
                    &custom.data,
                    &custom.version,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(provider_rule)
        .on_constraint(
            "providers_own_change",
            Error::Forbidden(
                "Only an administrator can change license_number, certifications and custom_data.",
            ),
        )?
        .row;
    access.commit(Json(provider)).await
}
