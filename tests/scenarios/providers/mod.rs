mod create_provider;
mod get_provider;
