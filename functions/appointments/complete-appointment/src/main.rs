//! The Lambda `complete-appointment`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(complete_appointment::ENDPOINT, complete_appointment::handle)
}
