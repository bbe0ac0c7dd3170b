//! A medical record made of a resource.

use serde_json::Value;

/// The most characters of `diagnosis` and `treatment`.
pub const MAX_COLUMN: usize = 10_000;

/// The parts of create-record's body that come from the resource.
#[derive(Debug)]
pub struct Carried {
    /// The `record_type`.
    pub record_type: &'static str,
    /// The `content`, in the shape of that type.
    pub content: Value,
    /// The `diagnosis`, in words.
    pub diagnosis: Option<String>,
    /// The `treatment`, in words.
    pub treatment: Option<String>,
}

impl Carried {
    /// A record without `diagnosis` and `treatment`.
    pub fn new(record_type: &'static str, content: Value) -> Self {
        Self {
            record_type,
            content,
            diagnosis: None,
            treatment: None,
        }
    }
}
