//! The Lambda `delete-file`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(delete_file::ENDPOINT, delete_file::handle)
}
