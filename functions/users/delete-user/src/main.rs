//! The Lambda `delete-user`.

api::serve!(delete_user);
