//! The Lambda `process-scan-result`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve_event(process_scan_result::ENDPOINT, process_scan_result::handle)
}
