//! The Lambda `delete-record`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(delete_record::ENDPOINT, delete_record::handle)
}
