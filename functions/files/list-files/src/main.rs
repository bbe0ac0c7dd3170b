//! The Lambda `list-files`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_files::ENDPOINT, list_files::handle)
}
