//! The audit log: what a row says, its canonical form and hash, its place in a hash chain, and how a
//! stored row is read. This crate needs neither Lambda nor a connection pool.
#![warn(missing_docs)]

pub mod audit_log;
mod chain;
mod entry;

pub use chain::{ChainHead, Link, Place};
pub use entry::{Action, Entry, Outcome, ResourceType};
