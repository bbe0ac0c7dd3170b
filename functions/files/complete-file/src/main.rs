//! The Lambda `complete-file`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(complete_file::ENDPOINT, complete_file::handle)
}
