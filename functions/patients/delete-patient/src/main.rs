//! The Lambda `delete-patient`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(delete_patient::ENDPOINT, delete_patient::handle)
}
