//! The Lambda `get-appointment`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_appointment::ENDPOINT, get_appointment::handle)
}
