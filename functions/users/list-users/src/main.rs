//! The Lambda `list-users`.

api::serve!(list_users);
