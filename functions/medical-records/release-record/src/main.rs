//! The Lambda `release-record`.

api::serve!(release_record);
