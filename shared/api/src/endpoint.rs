//! What an endpoint is, said once beside its handler.

use crate::audit::{Action, ResourceType};

/// Declares a function: its name, the permission it needs and what its audit rows say.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The package's name, which is the operation's, the binary's and the event's: `get-patient`.
    pub name: &'static str,
    /// A permission of `role_permissions`, such as `patients:read`.
    pub permission: &'static str,
    /// What it does.
    pub action: Action,
    /// To what.
    pub resource: ResourceType,
}
