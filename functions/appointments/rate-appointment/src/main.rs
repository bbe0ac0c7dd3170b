//! The Lambda `rate-appointment`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(rate_appointment::ENDPOINT, rate_appointment::handle)
}
