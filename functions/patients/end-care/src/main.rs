//! The Lambda `end-care`.

api::serve!(end_care);
