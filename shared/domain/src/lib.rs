//! The domain's types: resources as they are stored and answered, typed ids, and what callers learn
//! when a constraint of a table refuses a row.
#![warn(missing_docs)]

pub mod appointment;
pub mod coding;
pub mod content;
pub mod custom_data;
pub mod disclosure;
pub mod file;
pub mod ids;
pub mod patient;
pub mod provider;
pub mod record;
pub mod role;
pub mod schedule;
pub mod text;
pub mod time;
pub mod user;
pub mod zone;
