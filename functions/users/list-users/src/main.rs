//! The Lambda `list-users`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_users::ENDPOINT, list_users::handle)
}
