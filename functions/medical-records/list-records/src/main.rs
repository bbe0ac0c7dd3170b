//! The Lambda `list-records`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_records::ENDPOINT, list_records::handle)
}
