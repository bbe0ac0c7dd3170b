//! The Lambda `get-record`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_record::ENDPOINT, get_record::handle)
}
