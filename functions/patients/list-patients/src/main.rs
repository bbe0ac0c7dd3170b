//! The Lambda `list-patients`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_patients::ENDPOINT, list_patients::handle)
}
