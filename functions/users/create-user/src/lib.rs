//! `POST /v1/users`: gives a person who can sign in a profile and a role.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::select_user;
use domain::text::{EmailAddress, Text};
use domain::user::{Address, Preferences, USER_CONFLICTS, User, user_rule};
use sql::Jsonb;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/users")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Gives a person who can sign in a profile and a role")
    .needs("users:write")
    .recorded_as(Action::Create, ResourceType::User)
    .conflicts(&[USER_CONFLICTS, &[ID_TAKEN]])
    .idempotent();

const ID_TAKEN: &str = "A user with this id already exists.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The Supabase `sub`.
    pub id: UserId,
    /// The sign-in e-mail.
    pub username: EmailAddress,
    /// Where notices go, if elsewhere.
    pub notification_email: Option<EmailAddress>,
    /// Given name.
    pub first_name: Text<100>,
    /// Family name.
    pub last_name: Text<100>,
    /// A name in `roles`.
    pub role: Text<50>,
    /// Telephone number.
    pub phone: Option<Text<50>>,
    /// Postal address.
    pub address: Option<Address>,
    /// Preferences.
    pub preferences: Option<Preferences>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
}

const CREATE: &str = "
    insert into user_profiles
      (id, username, notification_email, first_name, last_name, role, phone, address, preferences,
       custom_data, custom_data_version)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const READ: &str = select_user!("where id = $1");

/// Creates the profile.
pub async fn handle(call: Call, Body(new): Body<NewUser>) -> Reply<Created<User>> {
    let mut access = call.authorize(new.id);
    let custom =
        custom_data::accept(&mut access, CustomDataTable::UserProfiles, new.custom_data).await?;
    let user: User = access
        .write_then_read(
            sql(
                CREATE,
                &[
                    &new.id,
                    &new.username,
                    &new.notification_email,
                    &new.first_name,
                    &new.last_name,
                    &new.role,
                    &new.phone,
                    &new.address.map(Jsonb),
                    &new.preferences.map(Jsonb),
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&new.id]),
        )
        .await
        .on_constraints(user_rule)
        .on_constraint("user_profiles_pkey", Error::AlreadyExists(ID_TAKEN))?
        .row;
    access
        .commit(Created {
            location: format!("/v1/users/{}", new.id),
            body: user,
        })
        .await
}
