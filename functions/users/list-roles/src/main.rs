//! The Lambda `list-roles`.

api::serve!(list_roles);
