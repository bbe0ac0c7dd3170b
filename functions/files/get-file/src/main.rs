//! The Lambda `get-file`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_file::ENDPOINT, get_file::handle)
}
