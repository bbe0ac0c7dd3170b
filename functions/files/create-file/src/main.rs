//! The Lambda `create-file`.

fn main() -> Result<(), shared::lambda::Failure> {
    files::check_limits()?;
    shared::lambda::serve(create_file::ENDPOINT, create_file::handle)
}
