//! `GET /health`: whether this deployment can reach its database.

use api::endpoint::PublicEndpoint;

/// What this function is.
pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/health")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Whether this deployment can reach its database");
