//! The types of the domain: the resources as they are stored and returned, their typed ids, and the
//! errors for violated constraints of their tables.
//!
//! This crate knows the columns of the tables and the JSON of the API. It must not know any endpoint,
//! transaction or audit row.
#![warn(missing_docs)]

pub mod accounting;
pub mod activity_review;
pub mod alert;
pub mod amendment;
pub mod appointment;
pub mod care;
pub mod coding;
pub mod content;
pub mod custom_data;
pub mod date_time;
pub mod disclosure;
pub mod dosage;
pub mod emergency;
pub mod expand;
pub mod export;
pub mod external_id;
pub mod file;
pub mod ids;
pub mod incident;
pub mod measure;
pub mod name_search;
pub mod number;
pub mod patient;
pub mod provider;
pub mod record;
pub mod representative;
pub mod retention;
pub mod role;
pub mod schedule;
mod shapes;
pub mod text;
pub mod time;
pub mod user;
pub mod webhook;
pub mod zone;
