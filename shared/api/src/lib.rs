//! Requests and their answers: who calls, the audited transaction, the reply, and the entry points of
//! the functions. This crate knows no endpoint.
//!
//! A handler reads parse → authorise → query → shape → commit. Its [`input`]s parse;
//! [`call::Call::authorize`] gives an [`access::Access`], which runs statements in one transaction;
//! [`access::Access::commit`] writes the audit row, commits, and alone makes the answer.
#![warn(missing_docs)]

pub mod access;
mod attempt;
mod audit_writer;
pub mod call;
mod caller;
pub mod current;
pub mod description;
pub mod endpoint;
mod environment;
pub mod handler;
mod idempotency;
pub mod if_match;
pub mod input;
pub mod job;
pub mod lambda;
pub mod pages;
mod replay;
pub mod reply;
mod request_context;
mod serve;
mod service;
mod session;
pub mod target;

/// What a handler imports.
pub mod prelude {
    pub use audit::{Action, ResourceType};
    pub use domain::disclosure::Content;
    pub use domain::ids::*;
    pub use domain::time::{Date, TimeDelta, Timestamp};
    pub use errors::{Error, OnConstraint as _};
    pub use schemars::{self, JsonSchema};
    pub use serde::{Deserialize, Serialize};
    pub use sql::sql;

    pub use crate::access::{Access, Written};
    pub use crate::call::Call;
    pub use crate::current::Current;
    pub use crate::endpoint::Endpoint;
    pub use crate::if_match::IfMatch;
    pub use crate::input::{Body, Configured, Patch, Path, Query};
    pub use crate::pages::{Page, PageRequest};
    pub use crate::reply::{Created, Json, Reply};
    pub use crate::target::{InChart, OwnedBy, Search};
}
