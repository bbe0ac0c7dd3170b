//! X-Ray trace headers.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// A new X-Ray trace header, not sampled.
pub fn trace() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{};Sampled=0", &random[..24])
}
