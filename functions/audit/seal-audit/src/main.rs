//! The Lambda `seal-audit`.

fn main() -> Result<(), api::lambda::Failure> {
    api::schedule::serve_schedule(
        seal_audit::ENDPOINT,
        seal_audit::Sealer::start,
        seal_audit::Sealer::run,
    )
}
