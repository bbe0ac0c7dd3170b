//! The Lambda `get-amendment-letter`.

api::serve!(get_amendment_letter);
