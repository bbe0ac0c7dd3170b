//! `GET /health`: whether this deployment can reach its database.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve_health("health")
}
