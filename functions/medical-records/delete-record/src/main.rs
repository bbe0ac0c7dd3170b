//! The Lambda `delete-record`.

api::serve!(delete_record);
