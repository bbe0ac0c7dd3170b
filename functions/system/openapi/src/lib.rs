//! `GET /openapi.json`: returns the description of this API as an OpenAPI 3.1 document.

use api::endpoint::PublicEndpoint;

pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/openapi.json")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Returns the description of this API as an OpenAPI 3.1 document");
