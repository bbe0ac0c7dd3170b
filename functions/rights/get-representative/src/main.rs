//! The Lambda `get-representative`.

api::serve!(get_representative);
