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
    /// What the `notes` say.
    pub notes: Vec<String>,
}

impl Carried {
    /// A record of which only the content is known.
    pub fn new(record_type: &'static str, content: Value) -> Self {
        Self {
            record_type,
            content,
            diagnosis: None,
            treatment: None,
            notes: Vec::new(),
        }
    }

    /// The `notes` with this further note, if there is one.
    pub fn notes_with(&self, further: Option<String>) -> Option<String> {
        let notes: Vec<_> = self.notes.iter().cloned().chain(further).collect();
        crate::mapping::words::words(&notes.join(" "), MAX_COLUMN)
    }
}
