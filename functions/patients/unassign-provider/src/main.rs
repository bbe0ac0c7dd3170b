//! The Lambda `unassign-provider`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(unassign_provider::ENDPOINT, unassign_provider::handle)
}
