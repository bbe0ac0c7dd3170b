mod create_user;
mod get_me;
mod get_user;
