//! The Lambda `list-representatives`.

api::serve!(list_representatives);
