mod create_file;
mod get_file;
mod process_upload;
