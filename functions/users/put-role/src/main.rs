//! The Lambda `put-role`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(put_role::ENDPOINT, put_role::handle)
}
