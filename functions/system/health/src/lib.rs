//! `GET /health`: checks whether this deployment can reach its database.

use api::endpoint::PublicEndpoint;

pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/health")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Checks whether this deployment can reach its database");
