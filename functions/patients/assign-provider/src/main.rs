//! The Lambda `assign-provider`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(assign_provider::ENDPOINT, assign_provider::handle)
}
