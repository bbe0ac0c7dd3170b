//! The Lambda `list-accountings`.

api::serve!(list_accountings);
