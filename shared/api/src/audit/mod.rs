//! The audit log's writing half: what a row says, its hash and its chain (DESIGN section 6).

mod chain;
mod entry;

pub use chain::Chains;
pub(crate) use chain::{Link, Place};
pub use entry::{Action, Entry, Outcome, ResourceType};
