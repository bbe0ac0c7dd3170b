//! The local cloud takes the place of AWS, Neon and Supabase on one machine.
//!
//! `cargo dev` and the tests run it. Nothing of it is deployed.
#![warn(missing_docs)]

mod aws_json;
pub mod cloud;
pub mod compile;
pub mod cors;
pub mod event_bus;
pub mod gateway;
pub mod issuer;
pub mod lambda;
pub mod listener;
pub mod log_group;
pub mod log_search;
pub mod objects;
pub mod postgres;
pub mod private_file;
pub mod progress;
pub mod schedules;
pub mod secrets;
pub mod template;
pub mod topics;
pub mod verification;
pub mod workspace;
