//! The Lambda `get-record`.

api::serve!(get_record);
