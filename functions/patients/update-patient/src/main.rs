//! The Lambda `update-patient`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(update_patient::ENDPOINT, update_patient::handle)
}
