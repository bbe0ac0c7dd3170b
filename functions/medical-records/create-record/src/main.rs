//! The Lambda `create-record`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(create_record::ENDPOINT, create_record::handle)
}
