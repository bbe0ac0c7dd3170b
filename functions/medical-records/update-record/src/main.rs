//! The Lambda `update-record`.

api::serve!(update_record);
