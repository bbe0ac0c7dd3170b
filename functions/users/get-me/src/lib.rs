//! `GET /v1/me`: who the caller is here, and how far each permission reaches.

use std::collections::BTreeMap;

use api::prelude::*;
use domain::select_user;
use domain::user::User;
use sql::row;
use sql::{FromRow, Jsonb, postgres};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/me")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Who the caller is here, and how far each permission reaches")
    .needs("users:read")
    .recorded_as(Action::Read, ResourceType::User);

const GET: &str = concat!(
    "select me.*, actor_patient() as patient_id, actor_provider() as provider_id,
       current_setting('caretrail.permissions')::jsonb as permissions
     from (",
    select_user!("where id = $1"),
    ") as me"
);

/// Answers the caller's own profile.
pub async fn handle(call: Call) -> Reply<Json<Me>> {
    let mut access = call.authorize(call.caller());
    let me: Me = access.one(sql(GET, &[&call.caller()])).await?;
    access.commit(Json(me)).await
}

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Me {
    /// Her profile.
    #[serde(flatten)]
    pub user: User,
    /// Her standing.
    #[serde(flatten)]
    pub standing: Standing,
}

row! {
    /// As what the caller acts.
    #[derive(Debug, Serialize, JsonSchema)]
    pub struct Standing {
        /// The caller as a patient.
        pub patient_id: Option<PatientId>,
        /// The caller as a provider.
        pub provider_id: Option<ProviderId>,
        /// OWN, CARE or ALL, by permission.
        pub permissions: Jsonb<BTreeMap<String, String>>,
    }
}

impl FromRow for Me {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            user: User::from_row(row)?,
            standing: Standing::from_row(row)?,
        })
    }
}

impl Content for Me {
    fn patients(&self) -> Vec<PatientId> {
        self.user.patients()
    }

    fn version(&self) -> Option<i32> {
        self.user.version()
    }
}
