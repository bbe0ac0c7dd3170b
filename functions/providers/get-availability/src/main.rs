//! The Lambda `get-availability`.

api::serve!(get_availability);
