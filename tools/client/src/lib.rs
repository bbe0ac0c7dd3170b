//! Sends HTTP requests to Caretrail's API as its callers do: for the import, the demo and the tests.
#![warn(missing_docs)]

mod api;
mod client;
mod refusal;
mod upload;

pub use api::{Api, Person};
pub use client::Client;
pub use refusal::{Refusal, problem};
pub use upload::upload;
