//! The Lambda `create-file`.

api::serve!(create_file);
