//! The Lambda `list-providers`.

api::serve!(list_providers);
