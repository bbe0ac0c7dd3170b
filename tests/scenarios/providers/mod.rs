mod create_provider;
mod delete_provider;
mod get_availability;
mod get_provider;
mod list_providers;
mod opening_hours;
mod update_provider;
mod verify_provider;
