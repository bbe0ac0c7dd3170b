//! The world of the scenarios: a database and a cloud of its own for each test, people to act in
//! it, and what a test asks of the audit log.
//!
//! One embedded PostgreSQL serves a test process. Its template database is migrated once and
//! copied for each test; the functions are the real binaries, started when first called.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

pub mod answer;
pub mod audit;
pub mod browser;
pub mod clamd;
pub mod database;
pub mod files;
pub mod link;
pub mod passage;
pub mod people;
pub mod pooler;
pub mod refusal;
pub mod samples;
pub mod world;

/// What a scenario imports.
pub mod prelude {
    pub use crate::answer::Answer;
    pub use crate::audit::audit;
    pub use crate::files::{self, announcement};
    pub use crate::link::Cut;
    pub use crate::people::{Actor, Patient, Provider};
    pub use crate::world::{PATIENCE, Setup, World, eventually};
    pub use serde_json::{Value, json};
    pub use uuid::Uuid;
}
