//! What every Caretrail function needs: who calls, the audited transaction, errors, pages and the
//! domain's types. This crate knows no endpoint.
//!
//! A handler reads parse → authorise → query → shape → commit: [`call::Call`] parses,
//! [`call::Call::authorize`] gives an [`access::Access`], which runs statements in one transaction;
//! [`access::Access::commit`] writes the audit row, commits and alone makes the answer.

pub mod access;
pub mod audit;
pub mod call;
mod caller;
pub mod concurrency;
pub mod config;
pub mod database;
pub mod domain;
pub mod endpoint;
pub mod environment;
pub mod errors;
mod idempotency;
pub mod ids;
pub mod job;
mod json;
pub mod lambda;
pub mod merge_patch;
pub mod pages;
pub mod reply;
mod service;
mod session;
pub mod sql;
pub mod target;
pub mod time;
mod trail;

/// What a handler imports.
pub mod prelude {
    pub use crate::access::Access;
    pub use crate::audit::{Action, ResourceType};
    pub use crate::call::Call;
    pub use crate::endpoint::Endpoint;
    pub use crate::errors::{Error, OnConstraint as _};
    pub use crate::ids::*;
    pub use crate::pages::Page;
    pub use crate::reply::{Content, Created, Json, Reply};
    pub use crate::sql::sql;
    pub use crate::target::{InChart, OwnedBy, Search};
    pub use crate::time::{Date, TimeDelta, Timestamp};
    pub use schemars::{self, JsonSchema};
}
