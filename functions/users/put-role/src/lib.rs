//! `PUT /v1/roles/{name}`: makes a role, or replaces what it holds.

use std::collections::BTreeMap;

use serde::Deserialize;
use shared::domain::role::{Reach, Role};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_role;
use shared::sql::Jsonb;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "put-role",
    permission: "roles:write",
    action: Action::Update,
    resource: ResourceType::Role,
};

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What the role is for.
    pub description: Text<500>,
    /// All that it holds: each permission with its reach.
    pub permissions: BTreeMap<String, Reach>,
}

// Where another version stands by now it is all done again, from reading on.
const PUT: &str = "select put_role($1, $2, $3, $4)::text";
const READ: &str = select_role!("where name = $1");

/// Answers the role as it is from the next request on.
pub async fn handle(call: Call) -> Reply<Json<Role>> {
    let name: String = call.path("name")?;
    // The audit row is to name it whatever comes of it, so it must be no free text.
    if !is_role_name(&name) {
        return Err(Error::invalid(
            "name",
            "expected 2 to 50 capital letters and underscores",
        ));
    }
    let new: Definition = call.body()?;
    let mut access = call.authorize(Search::default());
    access.note("role", name.as_str());
    let standing: Option<Role> = access.optional(sql(READ, &[&name])).await?;
    let standing = standing.map(|role| role.version);
    // One that is yet to be made has no version to name.
    match (standing, call.if_match()) {
        (Some(version), if_match) => if_match?.check(version)?,
        (None, Err(Error::PreconditionRequired)) => {}
        (None, _) => return Err(Error::PreconditionFailed),
    }
    let permissions = Jsonb(new.permissions);
    let role: Role = access
        .write_then_read(
            sql(PUT, &[&name, &new.description, &permissions, &standing]),
            sql(READ, &[&name]),
        )
        .await
        .on_constraint(
            "roles_fixed",
            Error::Conflict("this role is changed by a migration alone"),
        )
        .on_constraint(
            "role_permissions_permission_format",
            Error::invalid("permissions", "expected known permissions"),
        )
        .on_constraint(
            "role_permissions_known",
            Error::invalid("permissions", "expected known permissions"),
        )
        .on_constraint(
            "role_permissions_reach",
            Error::invalid(
                "permissions",
                "expected a reach that a role for people may have",
            ),
        )
        .on_constraint(
            "role_permissions_care",
            Error::invalid("permissions", "expected CARE for PROVIDER alone"),
        )?;
    access.commit(Json(role)).await
}

fn is_role_name(name: &str) -> bool {
    (2..=50).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
