mod create_user;
mod delete_user;
mod get_me;
mod get_user;
mod list_roles;
mod list_users;
mod put_role;
mod update_user;
