//! `PUT /v1/roles/{name}`: makes a role, or replaces what it holds.

use std::collections::BTreeMap;

use api::prelude::*;
use domain::role::{Reach, Role};
use domain::select_role;
use domain::text::Text;
use sql::Jsonb;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::put("/v1/roles/{name}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Makes a role, or replaces what it holds")
    .needs("roles:write")
    .recorded_as(Action::Update, ResourceType::Role)
    .conflicts(&[&[FIXED_ROLE]]);

const FIXED_ROLE: &str = "This role is part of the system and cannot be changed over the API.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What the role is for.
    pub description: Text<500>,
    /// All that it holds: each permission with its reach.
    pub permissions: BTreeMap<String, Reach>,
}

// If the version has changed since the read, the statement raises and the transaction runs again.
const PUT: &str = "select put_role($1, $2, $3, $4)::text";
const READ: &str = select_role!("where name = $1");

/// Answers the role as it is from the next request on.
pub async fn handle(
    call: Call,
    Path(name): Path<String>,
    Body(new): Body<Definition>,
    if_match: Option<IfMatch>,
) -> Reply<Json<Role>> {
    // The audit row names the role whatever the outcome, so free text is refused first.
    if !is_role_name(&name) {
        return Err(Error::invalid(
            "name",
            "expected 2 to 50 capital letters and underscores",
        ));
    }
    let mut access = call.authorize(Search::default());
    access.add_note("role", name.as_str());
    let current: Option<Role> = access.optional(sql(READ, &[&name])).await?;
    let current = current.map(|role| role.version);
    match (current, if_match) {
        (Some(version), Some(if_match)) => if_match.check(version)?,
        (Some(_), None) => return Err(Error::PreconditionRequired),
        (None, Some(_)) => return Err(Error::PreconditionFailed),
        // A role that does not exist yet has no version to name.
        (None, None) => {}
    }
    let permissions = Jsonb(new.permissions);
    let role: Role = access
        .write_then_read(
            sql(PUT, &[&name, &new.description, &permissions, &current]),
            sql(READ, &[&name]),
        )
        .await
        .on_constraint("roles_fixed", Error::Conflict(FIXED_ROLE))
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
        )?
        .row;
    access.commit(Json(role)).await
}

fn is_role_name(name: &str) -> bool {
    (2..=50).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
