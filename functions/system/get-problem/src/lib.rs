//! `GET /problems/{name}`: describes one kind of problem.

use api::endpoint::PublicEndpoint;

pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/problems/{name}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Describes one kind of problem");
