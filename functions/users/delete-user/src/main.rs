//! The Lambda `delete-user`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(delete_user::ENDPOINT, delete_user::handle)
}
