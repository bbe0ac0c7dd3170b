//! The Lambda `put-role`.

api::serve!(put_role);
