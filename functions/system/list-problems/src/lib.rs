//! `GET /problems`: lists the kinds of problems with which this API answers.

use api::endpoint::PublicEndpoint;

pub const ENDPOINT: PublicEndpoint = PublicEndpoint::get("/problems")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the kinds of problems with which this API answers");
