//! The Lambda `update-record`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(update_record::ENDPOINT, update_record::handle)
}
