//! The Lambda `expire-uploads`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve_event(expire_uploads::ENDPOINT, expire_uploads::handle)
}
