//! The Lambda `update-file`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(update_file::ENDPOINT, update_file::handle)
}
