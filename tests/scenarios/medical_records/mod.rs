mod create_record;
mod get_record;
mod list_records;
