//! The Lambda `renew-upload`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(renew_upload::ENDPOINT, renew_upload::handle)
}
