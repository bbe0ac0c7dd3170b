//! The Lambda `update-user`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(update_user::ENDPOINT, update_user::handle)
}
