//! The local cloud: what AWS, Neon and Supabase are to a deployed Caretrail, on one machine.
//!
//! `cargo dev` runs it for a person, the tests run it for themselves. Nothing of it is deployed.

pub mod cloud;
pub mod compile;
pub mod cors;
pub mod gateway;
pub mod issuer;
pub mod lambda;
pub mod listener;
pub mod objects;
pub mod postgres;
pub mod private_file;
pub mod progress;
pub mod schedules;
pub mod template;
pub mod workspace;
