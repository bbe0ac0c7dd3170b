//! The Lambda `get-care-team`.

api::serve!(get_care_team);
