//! The Lambda `release-record`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(release_record::ENDPOINT, release_record::handle)
}
