//! `PATCH /v1/users/{id}`: changes a profile; its user changes how she is reached.

use serde::{Deserialize, Serialize};
use shared::domain::custom_data::{CustomData, CustomDataTable};
use shared::domain::text::{EmailAddress, Text};
use shared::domain::user::{Address, Preferences, User, UserStatus, user_rule};
use shared::prelude::*;
use shared::sql::{FromRow, Jsonb, postgres};
use shared::{row, select_user};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "update-user",
    permission: "users:update",
    action: Action::Update,
    resource: ResourceType::User,
};

row! {
    /// The fields that a patch may name.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The sign-in e-mail, which Supabase has as well.
        pub username: EmailAddress,
        /// Where notices go, if elsewhere.
        pub notification_email: Option<EmailAddress>,
        /// Given name.
        pub first_name: Text<100>,
        /// Family name.
        pub last_name: Text<100>,
        /// A name in `roles`.
        pub role: Text<50>,
        /// Whether the account may act.
        pub status: UserStatus,
        /// Telephone number.
        pub phone: Option<Text<50>>,
        /// Postal address.
        pub address: Option<Jsonb<Address>>,
        /// Preferences.
        pub preferences: Option<Jsonb<Preferences>>,
        /// The clinic's own fields, as its registered schema has them.
        pub custom_data: Option<CustomData>,
    }
}

/// What a user changes of her own profile.
const OWN: [&str; 4] = ["notification_email", "phone", "address", "preferences"];

const CURRENT: &str = "
    select username, notification_email, first_name, last_name, role, status::text, phone, address,
      preferences, custom_data, custom_data_version, version, reach('users:update') = 'ALL' as everything
    from user_profiles
    where id = $1 and (id = actor_user() or reach('users:update') = 'ALL') and not is_archived
    for update";
const UPDATE: &str = "
    update user_profiles
    set username = $2, notification_email = $3, first_name = $4, last_name = $5, role = $6,
      status = $7::text::user_status, phone = $8, address = $9, preferences = $10,
      custom_data = $11, custom_data_version = $12
    where id = $1";
const READ: &str = select_user!("where id = $1");

/// Answers the user as changed.
pub async fn handle(call: Call) -> Reply<Json<User>> {
    let id: UserId = call.path("id")?;
    let patch = call.merge_patch()?;
    let if_match = call.if_match()?;
    let mut access = call.authorize(id);
    let current: Current = access.one(sql(CURRENT, &[&id])).await?;
    if_match.check(current.version)?;
    let new = patch.apply(&current.editable)?;
    let fields = patch.fields();
    access.note("fields", fields.clone());
    if !current.everything && !fields.iter().all(|field| OWN.contains(&field.as_str())) {
        return Err(Error::Forbidden("only an administrator changes this field"));
    }
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::UserProfiles,
        &patch,
        new.custom_data,
        current.custom_data_version,
    )
    .await?;
    let user: User = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &id,
                    &new.username,
                    &new.notification_email,
                    &new.first_name,
                    &new.last_name,
                    &new.role,
                    &new.status,
                    &new.phone,
                    &new.address,
                    &new.preferences,
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(user_rule)
        .on_constraint(
            "user_profiles_not_oneself",
            Error::Conflict("nobody changes her own role or status"),
        )
        .on_constraint(
            "patients_user_is_patient",
            Error::Conflict("who is registered as a patient keeps that role"),
        )
        .on_constraint(
            "providers_user_is_provider",
            Error::Conflict("who is registered as a provider keeps that role"),
        )?;
    access.commit(Json(user)).await
}

/// The user as she stands.
struct Current {
    editable: Editable,
    custom_data_version: Option<i32>,
    version: i32,
    everything: bool,
}

impl FromRow for Current {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            editable: Editable::from_row(row)?,
            custom_data_version: row.try_get("custom_data_version")?,
            version: row.try_get("version")?,
            everything: row.try_get("everything")?,
        })
    }
}
