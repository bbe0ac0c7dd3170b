//! The Lambda `get-access-statistics`.

api::serve!(get_access_statistics);
