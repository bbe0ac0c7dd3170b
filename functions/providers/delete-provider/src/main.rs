//! The Lambda `delete-provider`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(delete_provider::ENDPOINT, delete_provider::handle)
}
