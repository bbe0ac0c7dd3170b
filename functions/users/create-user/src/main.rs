//! The Lambda `create-user`.

api::serve!(create_user);
