//! The test world of the scenarios: each test has its own database and local cloud, people who act
//! in it, and checks of the audit log.
//!
//! One embedded PostgreSQL serves a test process. Its template database is migrated once and copied
//! for each test. The functions are the real binaries, started by their first request.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

pub mod accountings;
pub mod activity_reviews;
pub mod amendments;
pub mod answer;
pub mod archive;
pub mod audit;
pub mod browser;
pub mod calls;
pub mod clamd;
pub mod database;
pub mod event_schemas;
mod exports;
pub mod files;
pub mod generated;
pub mod incidents;
pub mod link;
pub mod passage;
pub mod people;
pub mod pooler;
pub mod receiver;
pub mod refusal;
pub mod retention;
pub mod samples;
pub mod sealed_log;
pub mod ticket;
pub mod world;

/// The names that a scenario imports.
pub mod prelude {
    pub use crate::answer::Answer;
    pub use crate::audit::audit;
    pub use crate::files::{self, announcement};
    pub use crate::link::Cut;
    pub use crate::people::{Actor, Patient, Provider};
    pub use crate::world::{PATIENCE, PATIENCE_WITH_OTHERS, Setup, World, days_ago, eventually};
    pub use serde_json::{Value, json};
    pub use uuid::Uuid;
}
