//! Sends HTTP requests to Caretrail's API as its callers do: for the import, the demo and the tests.

mod api;
mod client;

pub use api::{Api, Person, Refusal, problem};
pub use client::Client;
