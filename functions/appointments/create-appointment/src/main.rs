//! The Lambda `create-appointment`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(create_appointment::ENDPOINT, create_appointment::handle)
}
