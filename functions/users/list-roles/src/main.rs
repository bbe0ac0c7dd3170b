//! The Lambda `list-roles`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_roles::ENDPOINT, list_roles::handle)
}
