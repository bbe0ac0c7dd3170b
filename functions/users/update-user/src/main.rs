//! The Lambda `update-user`.

api::serve!(update_user);
