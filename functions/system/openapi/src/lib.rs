//! `GET /openapi.json`: this API as an OpenAPI 3.1 document.

use api::endpoint::PublicEndpoint;

/// What this function is.
pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/openapi.json")
    .named(env!("CARGO_PKG_NAME"))
    .summary("This API as an OpenAPI 3.1 document");
