//! The Lambda `list-checkpoints`.

api::serve!(list_checkpoints);
