//! Every function with a caller or an event: its `ENDPOINT`, and what its handler's signature says.

use api::description::Description;
use api::endpoint::Endpoint;
use api::handler::Handler;

/// A function.
pub struct Function {
    /// The folder under `functions/`.
    pub resource: &'static str,
    /// What it is.
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

/// All of them, in the order of this package's `Cargo.toml`.
pub fn functions() -> Vec<Function> {
    include!(concat!(env!("OUT_DIR"), "/functions.rs"))
}
