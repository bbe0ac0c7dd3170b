//! `GET /v1/me`: reads the caller's own account and permissions.

use std::collections::BTreeMap;

use api::prelude::*;
use domain::select_user;
use domain::user::User;
use sql::row;
use sql::{FromRow, Jsonb, postgres};

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/me")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads the caller's own account and permissions")
    .needs("users:read")
    .recorded_as(Action::Read, ResourceType::User);

const GET: &str = concat!(
    "select me.*, actor_patient() as patient_id, actor_provider() as provider_id,
       current_setting('caretrail.permissions')::jsonb as permissions
     from (",
    select_user!("where id = actor_user()"),
    ") as me"
);

pub async fn handle(call: Call) -> Reply<Json<CurrentUser>> {
    call.authorize(Oneself).read(sql(GET, &[])).await
}

/// The caller's own account, with their permissions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CurrentUser {
    /// The user account of the caller.
    #[serde(flatten)]
    pub user: User,
    /// The ids and permissions of the caller.
    #[serde(flatten)]
    pub standing: Standing,
}

row! {
    /// The ids and permissions with which the caller acts.
    #[derive(Debug, Serialize, JsonSchema)]
    pub struct Standing {
        /// The caller's id as a patient. Null if the caller is not a patient.
        pub patient_id: Option<PatientId>,
        /// The caller's id as a provider. Null if the caller is not a provider.
        pub provider_id: Option<ProviderId>,
        /// The permissions of the caller, each with the set of resources that it covers: `OWN`,
        /// `CARE` or `ALL`. For example, `{"patients:read": "CARE"}`.
        pub permissions: Jsonb<BTreeMap<String, String>>,
    }
}

impl FromRow for CurrentUser {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            user: User::from_row(row)?,
            standing: Standing::from_row(row)?,
        })
    }
}

impl Content for CurrentUser {
    fn patients(&self) -> Vec<PatientId> {
        self.user.patients()
    }

    fn version(&self) -> Option<i32> {
        self.user.version()
    }
}
