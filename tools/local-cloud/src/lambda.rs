//! AWS Lambda: runs functions as real processes over the real Runtime API.

mod delivery;
mod environment;
mod function;
mod instance;
mod logs;
mod runtime_api;
mod service;

pub use delivery::DeadLetter;
pub(crate) use environment::REGION;
pub use function::Failure;
pub(crate) use function::Function;
pub use logs::Logs;
pub(crate) use service::{Functions, trace};
pub use service::{Lambda, Settings};
