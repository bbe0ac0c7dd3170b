//! The Lambda `list-record-versions`.

api::serve!(list_record_versions);
