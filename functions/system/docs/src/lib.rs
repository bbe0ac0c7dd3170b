//! `GET /docs`: the API's document to read and to try, in one page that loads nothing from elsewhere.

use api::endpoint::PublicEndpoint;

/// What this function is.
pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/docs")
    .named(env!("CARGO_PKG_NAME"))
    .summary(
        "The API's document to read and to try, in one page that loads nothing from elsewhere",
    );
