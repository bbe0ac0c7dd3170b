//! The Lambda `list-appointment-changes`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(
        list_appointment_changes::ENDPOINT,
        list_appointment_changes::handle,
    )
}
