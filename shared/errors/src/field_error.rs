//! The faults of a request, each with its place.

use schemars::JsonSchema;
use serde::Serialize;

/// One invalid field, parameter or header of a request. It never repeats the value.
#[derive(Clone, Debug, Default, JsonSchema, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The JSON Pointer (RFC 6901) of the value in the body, for example `/allergies/0/code`. It is empty
    /// if the body as a whole is at fault. Absent if the fault is not in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The name of the parameter in the query or in the path, for example `limit`. Absent if the fault is
    /// elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The name of the header, for example `Idempotency-Key`. Absent if the fault is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The expected value in words, usually with an example, and the type or the length of the value that
    /// was received.
    pub message: String,
}

impl FieldError {
    /// A fault of the value at this JSON Pointer of the body.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            message: message.into(),
            ..Self::default()
        }
    }

    /// A fault of a field of the body. Dots separate the names of nested fields: `hold.expires_at`. The
    /// empty name is the whole body.
    pub fn new(field: &str, message: impl Into<String>) -> Self {
        let names = field.split('.').filter(|name| !name.is_empty());
        Self::at(
            names.map(|name| format!("/{name}")).collect::<String>(),
            message,
        )
    }

    /// A fault of a parameter in the query or in the path.
    pub fn parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            parameter: Some(name.into()),
            message: message.into(),
            ..Self::default()
        }
    }

    /// A fault of a header.
    pub fn header(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            header: Some(name.into()),
            message: message.into(),
            ..Self::default()
        }
    }
}
