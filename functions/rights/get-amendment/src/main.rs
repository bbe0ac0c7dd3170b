//! The Lambda `get-amendment`.

api::serve!(get_amendment);
