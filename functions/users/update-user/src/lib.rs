//! `PATCH /v1/users/{id}`: changes a user account.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::select_user;
use domain::text::{EmailAddress, Identifier, Line};
use domain::user::{
    Address, Preferences, ROLE_CONFLICTS, USER_CONFLICTS, User, UserStatus, check_fields,
    check_name, role_rule, user_rule,
};
use sql::Jsonb;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/users/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Changes a user account")
    .needs("users:update")
    .recorded_as(Action::Update, ResourceType::User)
    .conflicts(&[USER_CONFLICTS, ROLE_CONFLICTS, &[CHANGED_SINCE_IMPORT]]);

row! {
    /// The fields of an account that can be changed. Users can change `notification_email`, `phone`,
    /// `address` and `preferences` of their own account. An administrator can change all fields.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The sign-in that the account is linked to: the `sub` claim of the user's Supabase access
        /// tokens, a UUID. Null ends the link. A link to an account that has a chart or care, or could have,
        /// waits for the approval of a second administrator.
        pub subject: Option<SubjectId>,
        /// The e-mail address with which the user signs in. It must be changed in Supabase too. Null
        /// removes it.
        pub username: Option<EmailAddress>,
        /// The e-mail address for notifications. With null, notifications go to `username`.
        pub notification_email: Option<EmailAddress>,
        /// The given name of the user. Null removes it. At least one of the names remains.
        pub first_name: Option<Line<100>>,
        /// The family name of the user. Null removes it. At least one of the names remains.
        pub last_name: Option<Line<100>>,
        /// The name of the user's role, for example `PATIENT`. `GET /v1/roles` lists all roles.
        pub role: Identifier<50>,
        /// The status of the account. Only a user with an active account can use the API.
        pub status: UserStatus,
        /// The telephone number of the user, for example `+1 617 555 0100`. Null removes it.
        pub phone: Option<Line<50>>,
        /// The postal address of the user. Null removes it.
        pub address: Option<Jsonb<Address>>,
        /// The user's preferences for language, time zone and contact. Null removes them.
        pub preferences: Option<Jsonb<Preferences>>,
        /// The time at which an importer's account ends (RFC 3339), at most 30 days from now. A later end than
        /// before waits for the approval of a second administrator. Null for all other accounts.
        pub access_ends_at: Option<Timestamp>,
        /// Whether a visit that an importer imports puts the patient into the care of its provider. A change to
        /// `true` waits for the approval of a second administrator.
        pub visits_give_care: bool,
        /// Additional fields that the clinic defines, valid against the JSON Schema registered for
        /// `user_profiles`. Null removes them.
        pub custom_data: Option<CustomData>,
    }
}

row! {
    /// What the change depends on besides the current values.
    pub struct Rights {
        /// The version of the JSON Schema that the stored custom data satisfies.
        pub custom_data_version: Option<i32>,
        /// The caller's reach for accounts: `OWN`, `SOURCE` or `ALL`.
        pub reach: String,
    }
}

const CURRENT: &str = "
    select subject, username, notification_email, first_name, last_name, role, status::text, phone, address,
      preferences, access_ends_at, visits_give_care, custom_data, custom_data_version, version,
      reach('users:update') as reach
    from user_profiles
    where id = $1 and not is_archived and case reach('users:update')
        when 'ALL' then true when 'SOURCE' then source_system = actor_source() else id = actor_user()
      end
    for update";
const UPDATE: &str = "
    update user_profiles
    set subject = $1, username = $2, notification_email = $3, first_name = $4, last_name = $5, role = $6,
      status = $7::text::user_status, phone = $8, address = $9, preferences = $10,
      custom_data = $11, custom_data_version = $12, access_ends_at = $13, visits_give_care = $14
    where id = $15";
const READ: &str = select_user!("where id = $1");

pub async fn handle(
    call: Call,
    Path(id): Path<UserId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<User>> {
    let mut access = call.authorize(id);
    let current: Current<Editable, Rights> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let new = access.apply_checked(&patch, &current.editable, |new, sound| {
        check_name(new.first_name.as_ref(), new.last_name.as_ref(), sound)
    })?;
    check_fields(&current.extra.reach, &patch.fields())?;
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::UserProfiles,
        &patch,
        new.custom_data,
        current.extra.custom_data_version,
    )
    .await?;
    let user: User = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &new.subject,
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
                    &new.access_ends_at,
                    &new.visits_give_care,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(user_rule)
        .on_constraints(role_rule)?
        .row;
    if user.acted_alone {
        access.add_note("alone", true);
    }
    access.commit(Json(user)).await
}
