//! Structures of clinical content.

use serde::de::Error;
use serde_json::Value;

/// A rule that the fields of a structure break together.
pub(crate) struct Broken {
    /// The field at fault.
    pub(crate) field: &'static str,
    /// The expected value of the field, in words.
    pub(crate) what: &'static str,
    /// A structure that keeps the rule.
    pub(crate) example: Value,
}

impl Broken {
    pub(crate) fn error<E: Error>(self) -> E {
        parsing::expected_field(self.field, self.what, self.example)
    }
}

/// Defines structures that requests, answers and the database have in common. The fields before `?` are required,
/// those after it are optional. After `where` stands the function that checks what the fields say together.
///
/// `remote = "Self"` makes serde derive functions instead of the traits, so that the rule comes after them.
macro_rules! shapes {
    ($($(#[$doc:meta])* pub struct $name:ident $(where $rule:path)? {
        $( $(#[$field_doc:meta])* $field:ident: $type:ty, )*
        $( ? $( $(#[$optional_doc:meta])* $optional:ident: $optional_type:ty, )* )?
    })+) => {$(
        #[derive(Clone, Debug, schemars::JsonSchema, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[$doc])*
        #[serde(deny_unknown_fields, remote = "Self")]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
            $( $(
                $(#[$optional_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$optional_type>,
            )* )?
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let shape = Self::deserialize(deserializer)?;
                $( if let Some(broken) = $rule(&shape) {
                    return Err($crate::shapes::Broken::error(broken));
                } )?
                Ok(shape)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    )+};
}
pub(crate) use shapes;
