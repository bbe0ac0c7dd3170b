//! `GET /asyncapi.json`: returns the description of the business events as an AsyncAPI 3 document.

use api::endpoint::PublicEndpoint;

pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/asyncapi.json")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Returns the description of the business events as an AsyncAPI 3 document");
