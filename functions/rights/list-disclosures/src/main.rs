//! The Lambda `list-disclosures`.

api::serve!(list_disclosures);
