//! The Lambda `create-file`.

fn main() -> Result<(), shared::lambda::Failure> {
    files::Limits::from_settings()?;
    shared::lambda::serve(create_file::ENDPOINT, create_file::handle)
}
