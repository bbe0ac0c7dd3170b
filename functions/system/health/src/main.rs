//! The Lambda `health`.

fn main() -> Result<(), api::lambda::Failure> {
    api::lambda::serve_health(health::ENDPOINT)
}
