//! `POST /v1/providers`: registers a user with the role PROVIDER as a provider.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::provider::{Certification, PROVIDER_CONFLICTS, Provider, provider_rule};
use domain::schedule::Schedule;
use domain::select_provider;
use domain::text::{Identifier, Line};
use sql::Jsonb;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/providers")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Registers a user with the role PROVIDER as a provider")
    .needs("providers:write")
    .recorded_as(Action::Create, ResourceType::Provider)
    .conflicts(&[PROVIDER_CONFLICTS, &[IS_PROVIDER]])
    .idempotent(READ);

const IS_PROVIDER: &str = "This user is already registered as a provider.";

/// The data of the new provider. Their licence is not verified at first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProvider {
    /// The id of the user account of the provider. The account must have the role `PROVIDER`.
    pub user_id: UserId,
    /// The number of the provider's professional licence, which no other provider may have.
    pub license_number: Identifier<100>,
    /// The medical specialties of the provider, at most 50, for example `Cardiology`.
    pub specialties: Vec<Line<100>>,
    /// The professional qualifications of the provider. Absent or null if there are none.
    pub certifications: Option<Vec<Certification>>,
    /// The hours in which appointments with the provider can be booked. Absent or null if none are
    /// set.
    pub schedule: Option<Schedule>,
    /// Additional fields that the clinic defines, valid against the JSON Schema
    /// registered for `providers`. Absent or null if there are none.
    pub custom_data: Option<CustomData>,
}

const CREATE: &str = "
    insert into providers
      (id, user_id, license_number, specialties, certifications, schedule, custom_data, custom_data_version)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";
const READ: &str = select_provider!("where id = $1 and not is_archived");

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
            Error::invalid("user_id", "expected a user with the role PROVIDER"),
        )?
        .row;
    access
        .commit(Created {
            location: format!("/v1/providers/{id}"),
            body: provider,
        })
        .await
}
