//! The fields at fault in a request.

use schemars::JsonSchema;
use serde::Serialize;

/// One invalid field or parameter of a request. It never repeats the value.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The path of the field in the body, for example `allergies[0].code`, or the name of the
    /// parameter. Empty if the problem is not with a single field, for example if the body is not an
    /// object.
    pub field: String,
    /// The value that is expected instead, in words, for example `expected 1 to 100`.
    pub message: String,
}

impl FieldError {
    /// A problem with the field of this path.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}
