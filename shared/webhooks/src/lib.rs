//! What the endpoints of webhooks and their deliveries share: which addresses events may be sent to, and the secrets that
//! sign them.
#![warn(missing_docs)]

mod address;
mod key;
mod networks;
mod target_url;

pub use address::is_globally_reachable;
pub use key::{SigningSecret, WebhookKey};
pub use networks::Networks;
pub use target_url::TargetUrl;
