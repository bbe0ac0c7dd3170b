//! Lists every function that a caller or an event starts: its `ENDPOINT`, and what the signature of its
//! handler says.

use api::description::Description;
use api::endpoint::Endpoint;
use api::handler::Handler;

/// A function that a caller or an event starts.
pub struct Function {
    /// The name of its folder under `functions/`.
    pub resource: &'static str,
    /// The `ENDPOINT` of its package.
    pub endpoint: Endpoint,
    /// What its handler reads and answers.
    pub description: Description,
}

impl Function {
    fn new<R, I, H: Handler<R, I>>(
        resource: &'static str,
        endpoint: &Endpoint,
        _handle: &H,
    ) -> Self {
        Self {
            resource,
            endpoint: *endpoint,
            description: H::describe(),
        }
    }
}

/// Returns all these functions, in the order of this package's `Cargo.toml`.
pub fn functions() -> Vec<Function> {
    include!(concat!(env!("OUT_DIR"), "/functions.rs"))
}
