//! `PUT /v1/roles/{name}`: creates a role, or replaces its description and permissions.

use std::collections::BTreeMap;

use api::prelude::*;
use domain::role::{Reach, Role};
use domain::select_role;
use domain::text::Text;
use sql::Jsonb;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/roles/{name}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Creates a role, or replaces its description and permissions")
    .needs("roles:write")
    .recorded_as(Action::Update, ResourceType::Role)
    .conflicts(&[&[FIXED_ROLE]]);

const FIXED_ROLE: &str = "This role is part of the system and cannot be changed through the API.";

/// The complete definition of the role.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The purpose of the role in words.
    pub description: Text<500>,
    /// All permissions of the role, each with the set of resources that it covers. For example,
    /// `{"patients:read": "OWN"}`.
    #[schemars(extend("propertyNames" = {"pattern": "^[a-z-]+:[a-z-]+$"}))]
    pub permissions: BTreeMap<String, Reach>,
}

// If the version has changed since the read, the statement raises and the transaction runs again.
const PUT: &str = "select put_role($1, $2, $3, $4)::text";
const READ: &str = select_role!("where name = $1");

/// The new permissions apply from the next request of each user with this role.
pub async fn handle(
    call: Call,
    Path(name): Path<String>,
    Body(new): Body<Definition>,
    if_match: Option<IfMatch>,
) -> Reply<Json<Role>> {
    // The audit row contains the name even if the request fails, so any other text is refused first.
    if !is_role_name(&name) {
        return Err(Error::invalid_parameter(
            "name",
            "expected 2 to 50 capital letters and underscores, beginning with a letter",
        ));
    }
    let mut access = call.authorize(Search::default());
    access.add_note("role", name.as_str());
    let current: Option<Role> = access.optional(sql(READ, &[&name])).await?;
    let current = current.map(|role| role.version);
    IfMatch::check_replacement(if_match, current)?;
    let permissions = Jsonb(new.permissions);
    let role: Role = access
        .write_then_read(
            sql(PUT, &[&name, &new.description, &permissions, &current]),
            sql(READ, &[&name]),
        )
        .await
        .on_constraint("roles_fixed", Error::Conflict(FIXED_ROLE))
        .on_constraints(permissions_rule)?
        .row;
    access.commit(Json(role)).await
}

fn permissions_rule(constraint: &str) -> Option<Error> {
    let expected = match constraint {
        "role_permissions_permission_format" | "role_permissions_known" => {
            "expected the names of existing permissions"
        }
        "role_permissions_reach" => "expected for each permission a reach that users may have",
        _ => return None,
    };
    Some(Error::invalid("permissions", expected))
}

fn is_role_name(name: &str) -> bool {
    (2..=50).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
