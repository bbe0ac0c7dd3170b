//! `GET /docs`: returns a page on which this document can be read and requests can be tried.

use api::endpoint::PublicEndpoint;

pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/docs")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Returns a page on which this document can be read and requests can be tried");
