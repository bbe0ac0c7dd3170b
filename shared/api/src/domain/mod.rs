//! The types of the resources, as the database stores them and the API returns them.

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
