//! The Lambda `list-providers`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_providers::ENDPOINT, list_providers::handle)
}
