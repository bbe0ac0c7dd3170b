//! The Lambda `list-record-versions`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_record_versions::ENDPOINT, list_record_versions::handle)
}
