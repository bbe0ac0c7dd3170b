//! Runs the functions: authenticates the caller, parses the request, opens the audited transaction and
//! sends the answer.
//!
//! This crate knows Lambda, HTTP, the transaction and the audit row. It must not know any endpoint or
//! any table of the domain.
//!
//! A handler has five steps: parse, authorise, query, shape, commit. Its [`input`]s parse the request.
//! [`call::Call::authorize`] returns an [`access::Access`], which runs statements in one transaction.
//! [`access::Access::commit`] writes the audit row, commits and makes the answer. Nothing else can make
//! an answer.
#![warn(missing_docs)]

pub mod access;
mod argument;
mod attempt;
mod audit_writer;
pub mod call;
mod caller;
pub mod current;
pub mod description;
pub mod endpoint;
mod entity_tags;
mod environment;
pub mod handler;
mod idempotency;
pub mod if_match;
pub mod input;
pub mod job;
mod known_callers;
pub mod lambda;
pub mod pages;
mod patch;
mod read_conditions;
mod replay;
pub mod reply;
mod request_context;
pub mod schedule;
mod sealed_size;
mod serve;
mod service;
mod session;
mod size;
mod takes;
pub mod target;
mod ticket;
mod time_limits;

/// The names that most handlers need.
pub mod prelude {
    pub use audit::{Action, ResourceType};
    pub use domain::disclosure::Content;
    pub use domain::ids::*;
    pub use domain::time::{Date, TimeDelta, Timestamp};
    pub use errors::{CHANGED_SINCE_IMPORT, Error, OnConstraint as _};
    pub use parsing::Sound;
    pub use schemars::{self, JsonSchema};
    pub use serde::{Deserialize, Serialize};
    pub use sql::sql;

    pub use crate::access::{Access, Written};
    pub use crate::call::Call;
    pub use crate::current::Current;
    pub use crate::endpoint::Endpoint;
    pub use crate::if_match::IfMatch;
    pub use crate::input::{
        Body, Check, CheckedBody, CheckedQuery, Configured, Patch, Path, Query, Secret,
    };
    pub use crate::pages::{Feed, Page, PageRequest};
    pub use crate::reply::{Created, Json, Reply};
    pub use crate::target::{InChart, Oneself, OwnedBy, Search};
}
