//! The Lambda `process-upload`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve_event(process_upload::ENDPOINT, process_upload::handle)
}
