//! The Lambda `cancel-appointment`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(cancel_appointment::ENDPOINT, cancel_appointment::handle)
}
