//! The Lambda `update-provider`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(update_provider::ENDPOINT, update_provider::handle)
}
