//! The resources as stored and as answered: the words of the seeds, typed.

pub mod appointment;
pub mod audit_log;
pub mod coding;
pub mod content;
pub mod custom_data;
pub mod file;
pub mod patient;
pub mod provider;
pub mod record;
pub mod role;
pub mod schedule;
pub mod text;
pub mod user;
pub mod zone;
