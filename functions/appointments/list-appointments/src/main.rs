//! The Lambda `list-appointments`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_appointments::ENDPOINT, list_appointments::handle)
}
