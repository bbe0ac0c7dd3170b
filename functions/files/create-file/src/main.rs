//! The Lambda `create-file`.

fn main() -> Result<(), shared::lambda::Failure> {
    documents::check_limits()?;
    shared::lambda::serve(create_file::ENDPOINT, create_file::handle)
}
