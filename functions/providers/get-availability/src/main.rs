//! The Lambda `get-availability`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_availability::ENDPOINT, get_availability::handle)
}
