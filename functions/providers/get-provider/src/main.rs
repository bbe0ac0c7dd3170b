//! The Lambda `get-provider`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_provider::ENDPOINT, get_provider::handle)
}
