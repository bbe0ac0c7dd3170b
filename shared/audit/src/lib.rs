//! The audit log: the content of a row, its canonical form and hash, its place in a hash chain, and how
//! a stored row is read.
//!
//! This crate knows the ids of the domain and sends its own statement. It must not know Lambda, HTTP
//! requests or the connection pool.
#![warn(missing_docs)]

pub mod access_statistics;
mod archived_row;
pub mod audit_log;
mod canonical;
mod chain;
mod copied_row;
mod details;
mod entry;
pub mod lines;
mod sealable;
mod signing;
mod stored_row;

pub use archived_row::{ArchivedRow, Unreadable};
pub use canonical::{FORM, NotCanonical};
pub use chain::{ChainHead, Link, Place, Position, Verdict};
pub use copied_row::{CopiedRow, NotCopied};
pub use entry::{Action, Entry, Outcome, PurposeOfUse, Relation, ResourceType};
pub use sealable::Sealable;
pub use signing::is_signed;
pub use stored_row::StoredRow;
