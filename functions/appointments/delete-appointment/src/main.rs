//! The Lambda `delete-appointment`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(delete_appointment::ENDPOINT, delete_appointment::handle)
}
