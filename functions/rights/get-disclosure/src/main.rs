//! The Lambda `get-disclosure`.

api::serve!(get_disclosure);
