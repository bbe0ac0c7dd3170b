//! The Lambda `search-patients`.

api::serve!(search_patients);
