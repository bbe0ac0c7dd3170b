//! The Lambda `create-provider`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(create_provider::ENDPOINT, create_provider::handle)
}
