//! The Lambda `create-patient`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(create_patient::ENDPOINT, create_patient::handle)
}
