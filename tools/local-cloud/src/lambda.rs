//! AWS Lambda: runs functions as real processes over the real Runtime API.

mod delivery;
mod environment;
mod failure;
mod function;
mod instance;
mod logs;
mod platform;
mod runtime_api;
mod service;
mod state;
mod trace;

pub use delivery::DeadLetter;
pub(crate) use environment::{REGION, of_all};
pub use failure::Failure;
pub(crate) use function::{Function, Functions};
pub use logs::Logs;
pub use service::{Lambda, Settings};
pub(crate) use trace::trace;
