//! The Lambda `get-user`.

api::serve!(get_user);
