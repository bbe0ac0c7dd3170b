//! The Lambda `put-custom-data-schema`.

api::serve!(put_custom_data_schema);
