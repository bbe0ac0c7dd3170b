mod create_record;
mod delete_record;
mod get_record;
mod list_record_versions;
mod list_records;
mod release_record;
mod shield_record;
mod update_record;
