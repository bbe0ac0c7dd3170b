//! `POST /v1/providers`: registers a user of role PROVIDER as a provider, not yet verified.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::provider::{Certification, PROVIDER_CONFLICTS, Provider, provider_rule};
use domain::schedule::Schedule;
use domain::select_provider;
use domain::text::Text;
use sql::Jsonb;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/providers")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Registers a user of role PROVIDER as a provider, not yet verified")
    .needs("providers:write")
    .recorded_as(Action::Create, ResourceType::Provider)
    .conflicts(&[PROVIDER_CONFLICTS, &[IS_PROVIDER]])
    .idempotent();

const IS_PROVIDER: &str = "This user is already registered as a provider.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProvider {
    /// The account, of role PROVIDER.
    pub user_id: UserId,
    /// The licence.
    pub license_number: Text<100>,
    /// Fields of practice.
    pub specialties: Vec<Text<100>>,
    /// Qualifications.
    pub certifications: Option<Vec<Certification>>,
    /// Hours.
    pub schedule: Option<Schedule>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
}

const CREATE: &str = "
    insert into providers
      (id, user_id, license_number, specialties, certifications, schedule, custom_data, custom_data_version)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";
const READ: &str = select_provider!("where id = $1");

/// Registers the provider.
pub async fn handle(call: Call, Body(new): Body<NewProvider>) -> Reply<Created<Provider>> {
    let id = ProviderId::generate();
    let mut access = call.authorize(id);
    let custom =
        custom_data::accept(&mut access, CustomDataTable::Providers, new.custom_data).await?;
    let provider: Provider = access
        .write_then_read(
            sql(
                CREATE,
                &[
                    &id,
                    &new.user_id,
                    &new.license_number,
                    &new.specialties,
                    &new.certifications.map(Jsonb),
                    &new.schedule.map(Jsonb),
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(provider_rule)
        .on_constraint("providers_user_id_key", Error::AlreadyExists(IS_PROVIDER))
        .on_constraint(
            "providers_user_is_provider",
            Error::invalid("user_id", "expected a user of role PROVIDER"),
        )?
        .row;
    access
        .commit(Created {
            location: format!("/v1/providers/{id}"),
            body: provider,
        })
        .await
}
