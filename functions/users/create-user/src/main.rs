//! The Lambda `create-user`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(create_user::ENDPOINT, create_user::handle)
}
