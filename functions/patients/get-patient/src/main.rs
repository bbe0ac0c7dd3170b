//! The Lambda `get-patient`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_patient::ENDPOINT, get_patient::handle)
}
