//! The Lambda `create-record`.

api::serve!(create_record);
