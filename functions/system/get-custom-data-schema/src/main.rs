//! The Lambda `get-custom-data-schema`.

api::serve!(get_custom_data_schema);
