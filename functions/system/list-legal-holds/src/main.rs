//! The Lambda `list-legal-holds`.

api::serve!(list_legal_holds);
