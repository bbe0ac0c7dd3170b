//! The Lambda `update-appointment`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(update_appointment::ENDPOINT, update_appointment::handle)
}
