//! The arguments that a handler can have. The type of each says what it reads.

mod body;
mod configured;
mod event;
mod if_match;
mod page;
mod patch;
mod path;
mod query;
mod secret;

pub use body::{Body, Check, CheckedBody};
pub use configured::{Configured, FromSettings};
pub use event::Event;
pub use path::Path;
pub use query::{CheckedQuery, Query};
pub use secret::{FromSecrets, Secret};

pub use crate::argument::{Argument, Input};
pub use crate::environment::key;
pub use crate::patch::Patch;
pub use crate::takes::Takes;
