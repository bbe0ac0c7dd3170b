//! The Lambda `shield-record`.

api::serve!(shield_record);
