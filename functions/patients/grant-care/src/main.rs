//! The Lambda `grant-care`.

api::serve!(grant_care);
