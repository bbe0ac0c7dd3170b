//! The Lambda `get-export-package`.

api::serve!(get_export_package);
