//! The Lambda `get-me`.

api::serve!(get_me);
