//! The Lambda `create-record`.

api::serve_idempotent!(create_record);
