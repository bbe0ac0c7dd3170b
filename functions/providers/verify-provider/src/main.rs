//! The Lambda `verify-provider`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(verify_provider::ENDPOINT, verify_provider::handle)
}
