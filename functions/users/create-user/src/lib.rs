//! `POST /v1/users`: creates the account of a person.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::external_id::{EXTERNAL_ID_TAKEN, external_id_rule, with_its_system};
use domain::select_user;
use domain::text::{EmailAddress, Identifier, Line};
use domain::user::{Address, Preferences, USER_CONFLICTS, User, check_name, user_rule};
use sql::Jsonb;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/users")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Creates the account of a person")
    .needs("users:write")
    .recorded_as(Action::Create, ResourceType::User)
    .conflicts(&[USER_CONFLICTS, &[EXTERNAL_ID_TAKEN]])
    .idempotent(READ);

/// The account to create. It can exist before its user signs in. If its role reaches patients in care, imports
/// or approves accounts, the account waits for the approval of a second administrator.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The sign-in to link: the `sub` claim of the user's Supabase access tokens, a UUID. Absent or null
    /// if the user can't sign in yet. It can be linked later.
    pub subject: Option<SubjectId>,
    /// The e-mail address with which the user signs in to Supabase. Absent or null if they have none.
    pub username: Option<EmailAddress>,
    /// The e-mail address for notifications. Absent or null if notifications go to `username`.
    pub notification_email: Option<EmailAddress>,
    /// The given name of the user. Absent or null if the user has only a family name.
    pub first_name: Option<Line<100>>,
    /// The family name of the user. Absent or null if the user has only a given name. At least one of the names is
    /// required.
    pub last_name: Option<Line<100>>,
    /// The name of the user's role, for example `PATIENT`. `GET /v1/roles` lists all roles.
    pub role: Identifier<50>,
    /// The system that the person is imported from, a URI such as `https://hospital.example/people`. Absent or null if
    /// they are not imported.
    pub source_system: Option<Identifier<255>>,
    /// The identifier of the person in that system, which is unique there. Only a role with the permission
    /// `external-ids:write` can set it. Absent or null if the person is not imported.
    pub external_id: Option<Identifier<255>>,
    /// The source system from which an account of the role `IMPORTER` imports data, a URI. It can't be changed later.
    /// Absent or null for all other roles.
    pub imports_from: Option<Identifier<255>>,
    /// The time at which an account of the role `IMPORTER` ends (RFC 3339), at most 30 days from now. Absent or null
    /// for all other roles.
    pub access_ends_at: Option<Timestamp>,
    /// Whether a visit that an account of the role `IMPORTER` imports puts the patient into the care of its provider.
    /// Absent or null if it doesn't.
    pub visits_give_care: Option<bool>,
    /// The telephone number of the user, for example `+1 617 555 0100`. Absent or null if there is
    /// none.
    pub phone: Option<Line<50>>,
    /// The postal address of the user. Absent or null if there is none.
    pub address: Option<Address>,
    /// The user's preferences for language, time zone and contact. Absent or null if there are none.
    pub preferences: Option<Preferences>,
    /// Additional fields that the clinic defines, valid against the JSON Schema
    /// registered for `user_profiles`. Absent or null if there are none.
    pub custom_data: Option<CustomData>,
}

impl Check for NewUser {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        check_name(self.first_name.as_ref(), self.last_name.as_ref(), sound)
    }
}

const CREATE: &str = "
    insert into user_profiles
      (id, subject, username, notification_email, first_name, last_name, role, phone, address, preferences,
       custom_data, custom_data_version, source_system, external_id, imports_from, access_ends_at, visits_give_care)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
const READ: &str = select_user!("where id = $1 and not is_archived");

pub async fn handle(call: Call, CheckedBody(new): CheckedBody<NewUser>) -> Reply<Created<User>> {
    with_its_system(new.source_system.as_ref(), new.external_id.as_ref())?;
    let id = UserId::generate();
    let mut access = call.authorize(id);
    let custom =
        custom_data::accept(&mut access, CustomDataTable::UserProfiles, new.custom_data).await?;
    let user: User = access
        .write_then_read(
            sql(
                CREATE,
                &[
                    &id,
                    &new.subject,
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
                    &new.source_system,
                    &new.external_id,
                    &new.imports_from,
                    &new.access_ends_at,
                    &new.visits_give_care.unwrap_or_default(),
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(user_rule)
        .on_constraints(external_id_rule)?
        .row;
    if user.acted_alone {
        access.add_note("alone", true);
    }
    access
        .commit(Created {
            location: format!("/v1/users/{id}"),
            body: user,
        })
        .await
}
