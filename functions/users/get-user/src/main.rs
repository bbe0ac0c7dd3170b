//! The Lambda `get-user`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_user::ENDPOINT, get_user::handle)
}
