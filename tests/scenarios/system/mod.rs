mod docs;
mod expire_idempotency_keys;
mod get_custom_data_schema;
mod health;
mod openapi;
mod put_custom_data_schema;
